//! The producer and a service that fails in every way it can.

use std::collections::HashMap;
use std::time::Duration;

use onepixel_aws::kinesis::{Entry, Failures, Patience, Producer, Reason, Unsent};
use onepixel_aws::record::Packed;
use tokio::time::{Instant, timeout};

use crate::scripted::{Scripted, Step};

/// An attempt lasts so long that a machine that stands still for a while does not end it.
const PATIENCE: Patience = Patience {
    attempt: Duration::from_secs(120),
    wait_first: Duration::from_millis(2),
    wait_max: Duration::from_millis(10),
};

fn entries(count: usize) -> Vec<Entry> {
    let entry = |n: usize| Entry {
        key: format!("key-{n}"),
        packed: Packed { data: format!("line {n}\n").into_bytes().into(), lines: 1 },
    };
    (0..count).map(entry).collect()
}

async fn put(
    script: impl IntoIterator<Item = Step>,
    count: usize,
    within: Duration,
) -> (Result<(), Unsent>, Failures, Scripted) {
    let service = Scripted::start(script).await;
    let hasty = Patience { attempt: Duration::from_millis(300), ..PATIENCE };
    let patience = if within < Duration::from_secs(60) { hasty } else { PATIENCE };
    let producer = Producer::new(service.client(), "stream", patience);
    let mut failures = Failures::default();
    let result = producer.put(entries(count), Instant::now() + within, &mut failures).await;
    (result, failures, service)
}

/// All is stored, each as often as `times` says (once if it says nothing), in so many calls.
async fn check(script: Vec<Step>, count: usize, calls: &[usize], counted: &[(Reason, u64)], twice: &[usize]) {
    let name = format!("{script:?}");
    let (result, failures, service) = put(script, count, Duration::from_secs(600)).await;
    result.unwrap();
    let mut times: HashMap<Vec<u8>, usize> = HashMap::new();
    for data in service.stored() {
        *times.entry(data).or_default() += 1;
    }
    for entry in entries(count) {
        let number: usize = entry.key.trim_start_matches("key-").parse().unwrap();
        let expected = if twice.contains(&number) { 2 } else { 1 };
        assert_eq!(times.remove(entry.packed.data.as_ref()), Some(expected), "{name}: {number}");
    }
    assert!(times.is_empty(), "{name}: {times:?}");
    assert_eq!(service.calls(), calls, "{name}");
    for reason in Reason::ALL {
        let expected = counted.iter().find(|(counted, _)| *counted == reason).map_or(0, |(_, count)| *count);
        assert_eq!(failures.of(reason), expected, "{name}: {reason:?}");
    }
}

#[tokio::test]
async fn what_fails_is_tried_again_and_nothing_else() {
    use Reason::{Connection, Internal, Throttled, Unreadable};
    check(vec![], 3, &[3], &[], &[]).await;
    check(vec![], 1201, &[500, 500, 201], &[], &[]).await;
    let throttled = "ProvisionedThroughputExceededException";
    check(vec![Step::Partly(vec![0, 2], throttled)], 3, &[3, 2], &[(Throttled, 2)], &[]).await;
    let twice = vec![Step::Partly(vec![1], throttled), Step::Partly(vec![0], "InternalFailure")];
    check(twice, 2, &[2, 1, 1], &[(Throttled, 1), (Internal, 1)], &[]).await;
    check(vec![Step::Answer(400, throttled)], 2, &[2, 2], &[(Throttled, 1)], &[]).await;
    check(vec![Step::Answer(400, "LimitExceededException")], 2, &[2, 2], &[(Throttled, 1)], &[]).await;
    check(vec![Step::Answer(500, "InternalFailure")], 2, &[2, 2], &[(Internal, 1)], &[]).await;
    check(vec![Step::Answer(503, "")], 2, &[2, 2], &[(Internal, 1)], &[]).await;
    check(vec![Step::Break, Step::Break], 2, &[2, 2, 2], &[(Connection, 2)], &[]).await;
    check(vec![Step::StoreAndBreak], 2, &[2, 2], &[(Connection, 1)], &[0, 1]).await;
    check(vec![Step::Short], 2, &[2, 2], &[(Unreadable, 1)], &[0, 1]).await;
}

#[tokio::test]
async fn an_attempt_without_an_answer_is_given_up() {
    let (result, failures, service) = put([Step::Hang], 2, Duration::from_secs(50)).await;
    result.unwrap();
    assert!(failures.of(Reason::Timeout) >= 1, "{failures:?}");
    let stored = service.stored();
    assert!(entries(2).iter().all(|entry| stored.contains(&entry.packed.data.to_vec())));
}

#[tokio::test]
async fn a_failure_that_lasts_ends_it_at_once() {
    for code in ["ResourceNotFoundException", "AccessDeniedException", "ExpiredTokenException"] {
        let began = Instant::now();
        let (result, failures, service) = put([Step::Answer(400, code)], 2, Duration::from_secs(600)).await;
        let unsent = result.unwrap_err();
        assert_eq!((unsent.reason, unsent.entries), (Reason::Refused, entries(2)));
        assert!(unsent.cause.contains(code), "{}", unsent.cause);
        assert_eq!((service.calls().len(), failures.of(Reason::Refused)), (1, 1));
        assert!(began.elapsed() < Duration::from_secs(60));
    }
}

#[tokio::test]
async fn at_the_deadline_it_gives_back_what_is_left() {
    let throttled = Step::Partly(vec![1], "ProvisionedThroughputExceededException");
    let again = Step::Partly(vec![0], "ProvisionedThroughputExceededException");
    let script = std::iter::once(throttled).chain(std::iter::repeat_n(again, 10_000));
    let began = Instant::now();
    let (result, failures, service) = put(script, 3, Duration::from_millis(400)).await;
    let unsent = result.unwrap_err();
    assert_eq!(unsent.entries, [entries(3).remove(1)]);
    // The last attempt may have been cut off by the deadline.
    assert!([Reason::Throttled, Reason::Timeout].contains(&unsent.reason), "{unsent}");
    assert!(began.elapsed() < Duration::from_secs(30), "it ends");
    let counted = failures.of(Reason::Throttled) + failures.of(Reason::Timeout);
    assert!(counted >= service.calls().len() as u64, "each failure is counted: {failures:?}");
    assert!(failures.retries > 1);

    let (result, ..) = put(std::iter::repeat_n(Step::Hang, 10_000), 1, Duration::from_millis(50)).await;
    assert_eq!(result.unwrap_err().reason, Reason::Timeout, "an attempt never outlasts the deadline");
}

#[tokio::test]
async fn connections_are_kept() {
    let (result, _, service) = put([], 2500, Duration::from_secs(60)).await;
    result.unwrap();
    assert_eq!((service.calls().len(), service.connections()), (5, 1));
}

#[tokio::test]
async fn a_service_that_is_not_there_is_a_failure_in_time() {
    let service = Scripted::start([]).await;
    let client = service.client();
    drop(service);
    let producer = Producer::new(client, "stream", PATIENCE);
    let mut failures = Failures::default();
    let put = producer.put(entries(1), Instant::now() + Duration::from_millis(100), &mut failures);
    let unsent = timeout(Duration::from_secs(60), put).await.unwrap().unwrap_err();
    assert_eq!((unsent.reason, unsent.entries.len()), (Reason::Connection, 1));
    assert!(failures.of(Reason::Connection) > 0);
}
