//! Packing and deleting without a store.

use super::*;

/// The machine stops after every number of steps, then starts again.
async fn stop_everywhere(is_encrypted: bool, packing: Packing) {
    for steps in 0.. {
        let recording = Recording::new(is_encrypted).await;
        let recorder = recording.recorder();
        let disk = Stopping::after(steps);
        let stopped = recording.keeper(&recorder, disk).pack().await.is_err();
        drop(recorder);
        recording.assert_nothing_is_lost();

        let recorder = recording.recorder();
        recording.keeper(&recorder, real()).pack().await.unwrap();
        drop(recorder);
        recording.assert_nothing_is_lost();
        let names = recording.names();
        for number in recording.before.keys() {
            let digits = format!("{number:016}");
            let files: Vec<_> = names.iter().filter(|it| it.starts_with(&digits)).collect();
            assert_eq!(files, [&format!("{digits}{}", packing.suffix())], "{steps}");
        }
        assert!(
            !names.iter().any(|name| name.ends_with(".part")),
            "{names:?}"
        );
        check_archived(&recording);
        if !stopped {
            assert!(steps > 10);
            return;
        }
    }
}

/// The last archived frame of each segment tells of the file that is there.
fn check_archived(recording: &Recording) {
    let told = recording.told(Kind::Archived);
    for number in recording.before.keys() {
        let last = told.iter().rfind(|it| it.segment == Some(*number)).unwrap();
        let path = recording.config.dir.join(last.file.as_ref().unwrap());
        let content = Content::of(&std::fs::read(&path).unwrap());
        assert_eq!(last.sha256.as_ref(), Some(&content.sha256));
        assert_eq!(last.bytes, Some(content.bytes));
        assert_eq!(mode(&path), 0o600);
    }
}

#[tokio::test]
async fn wherever_compressing_stops_nothing_is_lost_and_nothing_stays_behind() {
    stop_everywhere(false, Packing::Zstd).await;
}

#[tokio::test]
async fn wherever_encrypting_stops_nothing_is_lost_and_nothing_stays_behind() {
    stop_everywhere(true, Packing::Age).await;
}

#[tokio::test]
async fn the_segment_that_is_written_stays_as_it_is() {
    let recording = Recording::new(false).await;
    let recorder = recording.recorder();
    let present = recorder.status().segment;
    recording.keeper(&recorder, real()).pack().await.unwrap();
    let plain: Vec<_> = recording.names();
    let plain: Vec<_> = plain.iter().filter(|it| it.ends_with(".sfr")).collect();
    assert_eq!(plain, [&present]);
}

#[tokio::test]
async fn a_disk_that_lies_keeps_the_plain_file() {
    /// Flips a bit of what is written.
    #[derive(Debug)]
    struct Lying;
    impl Disk for Lying {
        fn step(&self) -> io::Result<()> {
            Ok(())
        }
        fn write(&self, mut file: &std::fs::File, bytes: &[u8]) -> io::Result<()> {
            use std::io::Write as _;
            let mut bytes = bytes.to_vec();
            if let Some(byte) = bytes.last_mut() {
                *byte ^= 1;
            }
            file.write_all(&bytes)
        }
    }
    for is_encrypted in [false, true] {
        let recording = Recording::new(is_encrypted).await;
        let recorder = recording.recorder();
        let packed = recording.keeper(&recorder, Arc::new(Lying)).pack().await;
        packed.unwrap_err();
        drop(recorder);
        assert_eq!(recording.told(Kind::Archived), []);
        recording.assert_nothing_is_lost();
    }
}

#[tokio::test]
async fn what_is_deleted_was_recorded_before() {
    for steps in 0.. {
        let mut recording = Recording::new(false).await;
        recording.config.keep_bytes_max = Some(1);
        let recorder = recording.recorder();
        recording.keeper(&recorder, real()).pack().await.unwrap();
        let keeper = recording.keeper(&recorder, Stopping::after(steps));
        let stopped = keeper.prune(&mut Told::new("full")).await.is_err();
        drop((keeper, recorder));

        let left: Vec<u64> = recording.contents().into_keys().collect();
        let gone = recording.before.keys().filter(|it| !left.contains(it));
        let gone: Vec<u64> = gone.copied().collect();
        let oldest: Vec<u64> = recording.before.keys().copied().take(gone.len()).collect();
        assert_eq!(gone, oldest, "no gaps");
        let told = recording.told(Kind::Pruned);
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].first, Some(1));
        assert!(gone.iter().all(|number| told[0].last >= Some(*number)));
        if !stopped {
            assert_eq!(gone.len(), recording.before.len());
            assert!(steps > 3);
            return;
        }
    }
}

#[tokio::test]
async fn nothing_is_deleted_when_it_cannot_be_recorded() {
    let mut recording = Recording::new(false).await;
    recording.config.keep_bytes_max = Some(1);
    let recorder = recording.recorder();
    let keeper = recording.keeper(&recorder, real());
    let too_large = Event {
        time: clock::now(),
        what: What::Pruned(Pruned {
            first: 1,
            last: 1,
            message: "x".repeat(9 << 20),
        }),
    };
    recorder.event(&too_large).await.unwrap_err();
    // The recording's directory becomes one in which no segment can begin.
    let aside = recording.config.dir.with_extension("aside");
    std::fs::rename(&recording.config.dir, &aside).unwrap();
    let failed = async {
        for number in 0..9 {
            recorder.event(&event(number)).await?;
        }
        Ok::<(), RecordError>(())
    };
    failed.await.unwrap_err();
    std::fs::rename(&aside, &recording.config.dir).unwrap();
    keeper.pack().await.unwrap();
    keeper.prune(&mut Told::new("full")).await.unwrap();
    recording.assert_nothing_is_lost();
}
