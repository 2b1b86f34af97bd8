//! Whatever is done to a recording is found, and the rest is still proven.

use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};
use proptest::sample::Index;

use super::build::{Segment, findings, plain, recording, report};
use crate::record::chain::{Digest, link};
use crate::record::format::Kind;
use crate::record::key::HostKey;
use crate::record::verify::{Count, Finding, segment};

/// Frames of each of the three segments, and of all.
const FRAMES: usize = 10;
const ALL: u64 = 30;

/// Three segments, of which one is changed.
struct Changed {
    key: HostKey,
    segments: Vec<Segment>,
    at: usize,
    bytes: Vec<u8>,
}

impl Changed {
    fn new(at: &Index) -> Self {
        let key = HostKey::generate().unwrap();
        let segments = recording(&key);
        let at = at.index(segments.len());
        let bytes = segments[at].bytes.clone();
        Self {
            key,
            segments,
            at,
            bytes,
        }
    }

    fn segment(&self) -> &Segment {
        &self.segments[self.at]
    }

    fn frame(&self, frame: usize) -> Vec<u8> {
        let segment = self.segment();
        segment.bytes[segment.range(frame)].to_vec()
    }

    /// Puts other bytes where frames `from` up to `to` stand.
    fn put(&mut self, from: usize, to: usize, bytes: &[u8]) {
        let segment = &self.segments[self.at];
        let range = segment.ends[from]..segment.ends[to];
        self.bytes.splice(range, bytes.iter().copied());
    }

    /// What is wrong, and how many frames are proven. With the head only if nothing else could show
    /// it.
    fn found(&self, with_head: bool) -> (Vec<Finding>, Count) {
        let mut files = plain(&self.segments);
        files[self.at].1.clone_from(&self.bytes);
        let head = with_head.then(|| self.segments[2].head());
        let report = report(&files, self.key.id(), head);
        (findings(&report), report.proven)
    }

    const fn is_end(&self, frame: usize) -> bool {
        self.at == 2 && frame + 1 >= FRAMES
    }
}

/// Frames of a segment that stay proven when those from `from` up to `to` no longer fit: those under
/// the checkpoint before them (frame 4), and those behind them up to the seal.
fn left(from: usize, to: usize) -> u64 {
    let before = if from > 4 { 5 } else { 0 };
    let behind = FRAMES.saturating_sub(to);
    u64::try_from(before + behind).unwrap()
}

proptest! {
    #[test]
    fn any_flipped_bit_is_found(at in any::<Index>(), byte in any::<Index>(), bit in 0..8_u8) {
        let mut changed = Changed::new(&at);
        let byte = byte.index(changed.bytes.len());
        changed.bytes[byte] ^= 1 << bit;
        let (found, proven) = changed.found(false);
        prop_assert!(!found.is_empty());
        let ends = &changed.segment().ends;
        let least = match ends.iter().position(|end| byte < *end) {
            // Of the header: its digest is what the first frame continues.
            Some(0) => 9,
            Some(frame) => left(frame - 1, frame + 1),
            None => 0,
        };
        prop_assert!(proven.frames >= ALL - 10 + least, "{proven:?} of {least}, {found:?}");
        prop_assert!(proven.frames <= ALL);
    }

    #[test]
    fn a_dropped_frame_is_found(at in any::<Index>(), frame in 0..FRAMES) {
        let mut changed = Changed::new(&at);
        changed.put(frame, frame + 1, &[]);
        let (found, proven) = changed.found(changed.is_end(frame));
        prop_assert!(!found.is_empty());
        prop_assert!(proven.frames >= ALL - 10 + left(frame, frame + 2), "{proven:?} {found:?}");
    }

    #[test]
    fn swapped_frames_are_found(at in any::<Index>(), frame in 0..FRAMES - 1) {
        let mut changed = Changed::new(&at);
        let swapped = [changed.frame(frame + 1), changed.frame(frame)].concat();
        changed.put(frame, frame + 2, &swapped);
        let (found, proven) = changed.found(false);
        prop_assert!(!found.is_empty());
        prop_assert!(proven.frames >= ALL - 10 + left(frame, frame + 3), "{proven:?} {found:?}");
    }

    #[test]
    fn an_inserted_frame_is_found(
        at in any::<Index>(),
        frame in 0..FRAMES,
        from in any::<Index>(),
        copied in 0..FRAMES,
        is_linked in any::<bool>(),
    ) {
        let mut changed = Changed::new(&at);
        let from = &changed.segments[from.index(3)];
        let mut bytes = from.bytes[from.range(copied)].to_vec();
        if is_linked {
            // As everyone can who has no key: the new frame continues what stands before it.
            let before = changed.segment().ends[frame];
            let digest = digest_before(&changed.bytes[..before], frame);
            let end = bytes.len() - 32;
            let linked = link(digest, &bytes[..end]);
            bytes[end..].copy_from_slice(&linked.0);
        }
        let kept = changed.frame(frame);
        changed.put(frame, frame + 1, &[bytes, kept].concat());
        let (found, proven) = changed.found(false);
        prop_assert!(!found.is_empty());
        prop_assert!(proven.frames >= ALL - 10 + left(frame, frame + 1), "{proven:?} {found:?}");
        prop_assert!(proven.frames <= ALL, "what was inserted is not proven");
    }

    #[test]
    fn a_stretch_of_signed_frames_is_not_proven_twice(
        at in any::<Index>(), frame in 0..FRAMES, from in any::<Index>(),
    ) {
        let mut changed = Changed::new(&at);
        let from = changed.segments[from.index(3)].clone();
        // The digest before them comes too, in the last bytes of a frame that is cut.
        let stretch = from.bytes[from.ends[1] - 40..from.ends[5]].to_vec();
        let kept = changed.frame(frame);
        changed.put(frame, frame + 1, &[stretch, kept].concat());
        let (found, proven) = changed.found(false);
        prop_assert!(!found.is_empty());
        prop_assert!(proven.frames <= ALL, "{proven:?} {found:?}");
        // Right before its own checkpoint, the copy takes the place of what it copies.
        let is_moved = from.bytes == changed.segment().bytes && frame == 4;
        let is_copy = |it: &Finding| matches!(it, Finding::Copied { .. });
        prop_assert!(is_moved || found.iter().any(is_copy), "{found:?}");
    }

    #[test]
    fn a_segment_cut_short_is_found(at in any::<Index>(), byte in any::<Index>()) {
        let mut changed = Changed::new(&at);
        let byte = byte.index(changed.bytes.len());
        changed.bytes.truncate(byte);
        let (found, proven) = changed.found(changed.at == 2);
        prop_assert!(!found.is_empty());
        prop_assert!(proven.frames >= ALL - 10, "{proven:?} {found:?}");
        if changed.segment().ends.contains(&byte) || changed.at != 2 {
            return Ok(());
        }
        let (found, _proven) = changed.found(false);
        prop_assert!(!found.is_empty(), "a torn frame is seen without a head");
    }

    #[test]
    fn a_frame_cut_short_is_found(
        at in any::<Index>(), frame in 0..FRAMES - 1, byte in any::<Index>(), count in 1..40_usize,
    ) {
        let mut changed = Changed::new(&at);
        let mut bytes = changed.frame(frame);
        let from = byte.index(bytes.len());
        let to = bytes.len().min(from + count);
        bytes.drain(from..to);
        changed.put(frame, frame + 1, &bytes);
        let (found, proven) = changed.found(false);
        prop_assert!(!found.is_empty());
        prop_assert!(proven.frames >= ALL - 10 + left(frame, frame + 2), "{proven:?} {found:?}");
    }

    #[test]
    fn a_chain_made_anew_without_the_key_is_found(at in any::<Index>(), frame in 0..FRAMES) {
        let mut changed = Changed::new(&at);
        let segment = changed.segment().clone();
        let mut bytes = segment.bytes[..segment.ends[frame]].to_vec();
        let mut digest = digest_before(&bytes, frame);
        for at in frame..FRAMES {
            let mut unlinked = changed.frame(at);
            unlinked.truncate(unlinked.len() - 32);
            if at == frame {
                unlinked[14] ^= 1;
            }
            digest = link(digest, &unlinked);
            bytes.extend_from_slice(&unlinked);
            bytes.extend_from_slice(&digest.0);
        }
        changed.bytes = bytes;
        let (found, proven) = changed.found(false);
        prop_assert!(!found.is_empty());
        let before = if frame > 4 { 5 } else { 0 };
        prop_assert_eq!(proven.frames, ALL - 10 + before, "{:?}", found);
    }

    #[test]
    fn a_checkpoint_from_elsewhere_is_found(at in any::<Index>(), from in any::<Index>()) {
        let mut changed = Changed::new(&at);
        let other = HostKey::generate().unwrap();
        let others = recording(&other);
        let segment = changed.segment().clone();
        let own = changed.segments[from.index(3)].clone();
        for (from, frame) in [(own, 9), (others[changed.at].clone(), 4)] {
            let mut bytes = from.bytes[from.range(frame)].to_vec();
            if from.bytes == segment.bytes {
                continue;
            }
            // Linked as if it belonged there.
            let end = bytes.len() - 32;
            let before = digest_before(&segment.bytes[..segment.ends[4]], 4);
            let digest = link(before, &bytes[..end]);
            bytes[end..].copy_from_slice(&digest.0);
            changed.bytes.clone_from(&segment.bytes);
            changed.put(4, 5, &bytes);
            let (found, _proven) = changed.found(false);
            prop_assert!(found.contains(&Finding::Signature), "{found:?}");
        }
    }

    #[test]
    fn a_segment_of_another_host_is_found(at in any::<Index>()) {
        let mut changed = Changed::new(&at);
        let other = HostKey::generate().unwrap();
        changed.bytes = recording(&other)[changed.at].bytes.clone();
        let (found, proven) = changed.found(false);
        let is_other = |it: &Finding| matches!(it, Finding::OtherKey { .. });
        prop_assert!(found.iter().any(is_other), "{found:?}");
        prop_assert_eq!(proven.frames, ALL - 10);
    }

    #[test]
    fn dropped_and_swapped_segments_are_found(first in 0..3_usize, second in 0..3_usize) {
        let key = HostKey::generate().unwrap();
        let segments = recording(&key);
        let mut files = plain(&segments);
        match first == second {
            true => drop(files.remove(first)),
            false => {
                let bytes = files[first].1.clone();
                files[first].1 = std::mem::replace(&mut files[second].1, bytes);
            }
        }
        let head = (first == 2 && second == 2).then(|| segments[2].head());
        let report = report(&files, key.id(), head);
        prop_assert!(!report.is_proven());
        let left = if first == second { 20 } else { 10 };
        prop_assert_eq!(report.proven.frames, left);
    }

    #[test]
    fn a_flipped_bit_is_found_in_version_1_too(at in 0..2_usize, byte in any::<Index>(), bit in 0..8_u8) {
        let key = HostKey::generate().unwrap();
        let mut first = Segment::version_1(1, Digest::ZERO, 1);
        first.entry().entry();
        let mut second = Segment::version_1(2, first.digest, 3);
        second.entry().entry();
        let mut third = second.next(&key);
        third.entry().checkpoint(&key, 1);
        let mut files = plain(&[first, second, third]);
        prop_assert_eq!(report(&files, key.id(), None).proven.frames, 11);
        let byte = byte.index(files[at].1.len());
        files[at].1[byte] ^= 1 << bit;
        prop_assert!(!report(&files, key.id(), None).is_proven());
    }

    #[test]
    fn no_bytes_make_it_panic_or_prove_anything(
        bytes in prop::collection::vec(any::<u8>(), 0..300), keep in any::<Index>(),
    ) {
        let (key, other) = (HostKey::generate().unwrap(), HostKey::generate().unwrap());
        let whole = &recording(&other)[0].bytes;
        let kept = &whole[..keep.index(whole.len())];
        let mixed = [kept, &bytes, whole].concat();
        for input in [&bytes[..], &mixed] {
            let report = segment(input, 1, key.id());
            prop_assert!(!report.is_proven());
            prop_assert_eq!(report.proven, Count::default());
            prop_assert_eq!(report.bytes, input.len() as u64);
        }
    }
}

/// The digest that the frame continues: behind a header stands a signature.
fn digest_before(bytes: &[u8], frame: usize) -> Digest {
    let end = bytes.len() - if frame == 0 { 64 } else { 0 };
    Digest(bytes[end - 32..end].try_into().unwrap())
}

#[test]
fn damage_says_where_it_is_and_what_stands_around_it() {
    let key = HostKey::generate().unwrap();
    let segments = recording(&key);
    let mut files = plain(&segments);
    let range = segments[1].range(6);
    files[1].1[range.start + 30] ^= 4;
    let report = report(&files, key.id(), None);
    let [problem] = &report.problems[..] else {
        panic!("{report:#?}");
    };
    assert_eq!((problem.segment, problem.frame), (2, Some(7)));
    assert_eq!(problem.offset, Some(u64::try_from(range.start).unwrap()));
    let near = (problem.after.unwrap(), problem.before.unwrap());
    assert_eq!((near.0.entry, near.1.entry), (7, 8));
    let Finding::Broken { bytes, says } = &problem.finding else {
        panic!("{problem:?}");
    };
    assert_eq!(*bytes, u64::try_from(range.len()).unwrap());
    let says = says.as_ref().unwrap();
    assert_eq!((says.kind, says.entry), (Kind::Ended.name(), 7));
    assert_eq!((report.broken.places, report.broken.bytes), (1, *bytes));
    assert_eq!(
        (report.proven.frames, report.unproven.frames),
        (28, 1),
        "what stands between the checkpoint and the damage is under no signature"
    );
}
