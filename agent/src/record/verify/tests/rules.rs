//! Each rule by itself: what breaks it is told as that, and only as that.

use super::build::{Segment, findings, plain, recording, report};
use crate::record::chain::Digest;
use crate::record::format::{CHECKPOINT_FRAMES_MAX, Kind};
use crate::record::key::HostKey;
use crate::record::verify::{Count, Finding, Head, Note, Report};

fn key() -> HostKey {
    HostKey::generate().unwrap()
}

fn alone(segment: &Segment, key: &HostKey) -> Report {
    report(&plain(std::slice::from_ref(segment)), key.id(), None)
}

fn first(key: &HostKey) -> Segment {
    Segment::new(key, 1, Digest::ZERO, 1)
}

#[track_caller]
fn only(report: &Report, finding: &Finding) {
    assert_eq!(
        findings(report),
        std::slice::from_ref(finding),
        "{report:#?}"
    );
}

#[test]
fn a_whole_recording_is_proven_to_its_head() {
    let key = key();
    let segments = recording(&key);
    let report = report(&plain(&segments), key.id(), Some(segments[2].head()));
    assert_eq!(findings(&report), []);
    let (frames, entries) = (30, 12);
    assert_eq!(report.proven, Count { frames, entries });
    assert_eq!(report.unproven, Count::default());
    assert_eq!(report.head, Some(segments[2].head()));
    assert_eq!(report.notes, [Note::Head]);
}

#[test]
fn another_key_proves_nothing() {
    let (key, other) = (key(), key());
    let segments = recording(&key);
    let report = report(&plain(&segments), other.id(), None);
    assert_eq!(report.proven, Count::default());
    assert_eq!(report.head, None);
    let is_other = |it: &Finding| matches!(it, Finding::OtherKey { .. });
    let count = findings(&report).iter().filter(|it| is_other(it)).count();
    assert_eq!(count, 3, "{report:#?}");
}

#[test]
fn a_signature_of_anyone_else_proves_nothing() {
    let (key, thief) = (key(), key());
    let mut segment = first(&key);
    segment.entry().checkpoint(&thief, 0).entry();
    let report = alone(&segment, &key);
    only(&report, &Finding::Signature);
    assert_eq!((report.proven.frames, report.unproven.frames), (0, 5));
    assert_eq!(
        report.head.unwrap().digest,
        Digest(segment.bytes[128..160].try_into().unwrap()),
        "the head is the end of what the header's signature covers"
    );
}

#[test]
fn a_header_signed_by_anyone_else_is_found_and_the_rest_proven() {
    let key = key();
    let mut segment = first(&key);
    segment.entry().checkpoint(&key, 1);
    segment.bytes[160] ^= 1;
    let report = alone(&segment, &key);
    only(&report, &Finding::HeaderSignature);
    assert_eq!(
        report.proven.frames, 3,
        "the checkpoint covers the header too"
    );
}

#[test]
fn an_open_end_is_no_problem_and_is_told() {
    let key = key();
    let mut segment = first(&key);
    segment.entry().checkpoint(&key, 0).entry();
    let report = alone(&segment, &key);
    assert_eq!(findings(&report), []);
    assert_eq!((report.proven.frames, report.unproven.frames), (3, 2));
    assert!(report.unproven_places[0].is_end);
    assert!(
        matches!(&report.notes[..], [Note::Open { segment: 1, up_to: Some(near) }] if near.entry == 1)
    );
}

#[test]
fn a_head_shows_what_was_cut_off_the_end() {
    let key = key();
    let segments = recording(&key);
    let head = Some(segments[2].head());
    let cut = report(&plain(&segments[..2]), key.id(), head);
    only(&cut, &Finding::Head);
    let unseen = report(&plain(&segments[..2]), key.id(), None);
    assert_eq!(
        findings(&unseen),
        [],
        "without a head nobody can see the end missing"
    );
    let mut shorter = plain(&segments);
    shorter[2].1.truncate(segments[2].ends[7]);
    only(&report(&shorter, key.id(), head), &Finding::Head);
}

#[test]
fn a_head_proves_what_no_signature_covers_yet() {
    let key = key();
    let mut segment = first(&key);
    segment.entry();
    let report = report(
        &plain(std::slice::from_ref(&segment)),
        key.id(),
        Some(segment.head()),
    );
    assert_eq!((report.proven.frames, report.unproven.frames), (2, 0));
    let wrong = Head {
        segment: 2,
        ..segment.head()
    };
    let report = super::build::report(&plain(&[segment]), key.id(), Some(wrong));
    only(&report, &Finding::Head);
}

#[test]
fn version_1_is_proven_by_what_follows_it_only() {
    let key = key();
    let mut old = Segment::version_1(1, Digest::ZERO, 1);
    old.entry().entry();
    only(&alone(&old, &key), &Finding::Unsigned);
    let mut next = old.next(&key);
    next.entry().checkpoint(&key, 1);
    let report = report(&plain(&[old.clone(), next]), key.id(), None);
    assert_eq!(findings(&report), []);
    assert_eq!(report.proven.frames, 7);
    let mut early = Segment::version_1(1, Digest::ZERO, 1);
    early.says(Kind::Policy, 1, "{}");
    let kind = "policy";
    let found = findings(&alone(&early, &key));
    assert_eq!(found, [Finding::KindOfVersion { kind }]);
}

#[test]
fn numbers_follow_their_rules_within_a_segment() {
    let key = key();
    let check = |uses: &[(Kind, u64)], finding: Finding| {
        let mut segment = first(&key);
        for (kind, entry) in uses {
            segment.says(*kind, *entry, "{}");
        }
        segment.next_entry = 9;
        only(&alone(segment.checkpoint(&key, 1), &key), &finding);
    };
    let (decided, ended) = (Kind::Decided, Kind::Ended);
    let entry = 3;
    check(&[(decided, 3); 2], Finding::DecidedTwice { entry });
    check(&[(ended, 3); 2], Finding::EndedTwice { entry });
    check(
        &[(ended, 3), (decided, 3)],
        Finding::DecidedAfterEnd { entry },
    );
    check(
        &[(Kind::Vote, 3), (Kind::Ask, 3)],
        Finding::Shared { entry },
    );
    check(
        &[(decided, 3), (Kind::Policy, 3)],
        Finding::Shared { entry },
    );
    let (says, least) = (9, 10);
    check(&[(ended, 9)], Finding::CheckpointNumber { says, least });
}

#[test]
fn numbers_follow_their_rules_across_segments() {
    let key = key();
    let check = |uses: &[(Kind, u64)], next_entry: u64, expected: &[Finding]| {
        let mut before = first(&key);
        before.entry().entry();
        before.says(Kind::Decided, 3, "{}");
        before.next_entry = 4;
        before.checkpoint(&key, 1);
        let mut after = Segment::new(&key, 2, before.digest, next_entry);
        for (kind, entry) in uses {
            after.says(*kind, *entry, "{}");
        }
        after.next_entry = 9;
        after.checkpoint(&key, 1);
        let report = report(&plain(&[before, after]), key.id(), None);
        assert_eq!(findings(&report), expected);
        report.proven.entries
    };
    let (decided, ended) = (Kind::Decided, Kind::Ended);
    assert_eq!(check(&[(ended, 3), (ended, 4)], 4, &[]), 4);
    check(&[(ended, 1)], 4, &[Finding::EndedTwice { entry: 1 }]);
    check(&[(decided, 3)], 4, &[Finding::DecidedTwice { entry: 3 }]);
    check(&[(Kind::Ask, 2)], 4, &[Finding::Shared { entry: 2 }]);
    let (says, reached) = (3, 3);
    check(&[(ended, 3)], 3, &[Finding::NextEntry { says, reached }]);
}

#[test]
fn checkpoints_are_not_far_apart() {
    let key = key();
    let check = |frames: u64| {
        let mut segment = first(&key);
        for entry in 1..=frames {
            segment.says(Kind::Ended, entry, "{}");
        }
        segment.next_entry = frames + 1;
        findings(&alone(segment.checkpoint(&key, 1), &key))
    };
    assert_eq!(check(CHECKPOINT_FRAMES_MAX), []);
    assert_eq!(check(CHECKPOINT_FRAMES_MAX + 1), [Finding::Far]);
}

#[test]
fn what_is_no_frame_of_this_format_is_told() {
    let key = key();
    let check = |kind: u8, payload: &[u8], finding: Finding| {
        let mut segment = first(&key);
        segment.frame(kind, 1, payload);
        segment.next_entry = 2;
        only(&alone(segment.checkpoint(&key, 1), &key), &finding);
    };
    check(200, b"{}", Finding::Kind { says: 200 });
    check(1, b"[]", Finding::Payload);
    check(12, b"{}", Finding::Checkpoint);
    let mut segment = first(&key);
    segment.entry().checkpoint(&key, 2).checkpoint(&key, 1);
    only(&alone(&segment, &key), &Finding::Checkpoint);
    let mut segment = first(&key);
    segment.checkpoint(&key, 1).entry().checkpoint(&key, 1);
    only(&alone(&segment, &key), &Finding::AfterSeal);
}

#[test]
fn a_segment_is_sealed_unless_a_gap_explains_it() {
    let key = key();
    let mut before = first(&key);
    before.entry().checkpoint(&key, 0).entry();
    let mut after = before.next(&key);
    let mut told = after.clone();
    after.entry().checkpoint(&key, 1);
    let found = report(&plain(&[before.clone(), after]), key.id(), None);
    only(&found, &Finding::NoSeal);
    assert_eq!(
        found.unproven.frames, 0,
        "the next header covers what came before it"
    );
    told.says(Kind::Carried, 3, "{\"sessions\":[]}");
    told.says(Kind::Gap, 3, "{\"reason\":\"crash\"}");
    told.entry().checkpoint(&key, 1);
    let found = report(&plain(&[before.clone(), told]), key.id(), None);
    assert_eq!(findings(&found), []);
    assert!(found.notes.contains(&Note::Unsealed { segment: 1 }));
    let mut late = before.next(&key);
    late.entry().says(Kind::Gap, 4, "{}").checkpoint(&key, 1);
    let found = report(&plain(&[before, late]), key.id(), None);
    only(&found, &Finding::NoSeal);
}

#[test]
fn what_retention_deleted_is_no_problem_if_the_host_says_so() {
    let key = key();
    let segments = recording(&key);
    let left = &plain(&segments)[1..];
    let (first, last) = (1, 1);
    only(
        &report(left, key.id(), None),
        &Finding::Missing { first, last },
    );
    let mut next = segments[2].next(&key);
    next.says(Kind::Pruned, 13, "{\"first\":1,\"last\":1}");
    next.next_entry += 1;
    let unsigned = [left, &plain(std::slice::from_ref(&next))].concat();
    only(
        &report(&unsigned, key.id(), None),
        &Finding::Missing { first, last },
    );
    next.checkpoint(&key, 1);
    let said = [left, &plain(&[next])].concat();
    let found = report(&said, key.id(), None);
    assert_eq!(findings(&found), []);
    assert!(found.notes.contains(&Note::Pruned { first, last }));
    let more = report(&said[1..], key.id(), None);
    let (first, last) = (2, 2);
    only(&more, &Finding::Missing { first, last });
}

#[test]
fn segments_are_held_against_each_other() {
    let key = key();
    let segments = recording(&key);
    let files = plain(&segments);
    let hole = [files[0].clone(), files[2].clone()];
    let (first, last) = (2, 2);
    only(
        &report(&hole, key.id(), None),
        &Finding::Missing { first, last },
    );
    let mut forked = Segment::new(&key, 2, Digest([1; 32]), 5);
    forked.checkpoint(&key, 1);
    let fork = [files[0].clone(), (2, forked.bytes)];
    let link = Finding::Link { before: 1 };
    only(&report(&fork, key.id(), None), &link);
    let copied = [&files[..], &[(4, files[2].1.clone())]].concat();
    let found = report(&copied, key.id(), None);
    assert!(findings(&found).contains(&Finding::Number { says: 3 }));
    assert_eq!(found.proven.frames, 30, "the copy proves nothing");
    let mut not_first = Segment::new(&key, 1, Digest([1; 32]), 1);
    not_first.checkpoint(&key, 1);
    only(&alone(&not_first, &key), &Finding::NotFirst);
    only(&report(&[], key.id(), None), &Finding::Nothing);
}
