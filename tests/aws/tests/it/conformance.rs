//! One set of cases for every shape of the product: hits go in, everything settles, questions get exact answers.
//!
//! A [`System`] is a stream, its consumer and the live view behind it. [`cases`] say what comes in and what must be told, and
//! never which system it is; what a system cannot tell has to be declared in its capabilities and refused in words, which
//! [`asked`] checks instead of the answer. Nothing is skipped.

mod amazon;
mod asked;
mod cases;
mod embedded;
mod hits;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use onepixel_stream::Clock;
use onepixel_view::{Capabilities, Dimension, View};

use amazon::Amazon;
use cases::Case;
use embedded::Embedded;
use hits::Hit;

/// How long a live view keeps what it is told.
const TTL: std::time::Duration = std::time::Duration::from_secs(7 * 24 * 3600);

/// A whole path from the stream to the questions, empty at first.
trait System {
    /// Brings hits into the stream, together.
    async fn take(&mut self, hits: &[Hit]);
    /// Returns when the view has what the stream has.
    async fn settle(&mut self);
    /// Everything is read from the stream again, as after a lost checkpoint.
    async fn replay(&mut self);
    /// What is asked.
    fn view(&self) -> Arc<dyn View>;
}

/// A clock that the cases move.
#[derive(Clone)]
struct Hands(Arc<AtomicU64>);

impl Hands {
    fn at(ms: i64) -> Self {
        Self(Arc::new(AtomicU64::new(u64::try_from(ms).unwrap())))
    }

    fn pass(&self, ms: i64) {
        self.0.fetch_add(u64::try_from(ms).unwrap(), Ordering::SeqCst);
    }

    fn clock(&self) -> Clock {
        let now = self.0.clone();
        Arc::new(move || now.load(Ordering::SeqCst))
    }
}

/// Runs one case; returns how many of its questions the system declares that it cannot answer.
async fn run(case: &Case, system: &mut impl System, hands: &Hands) -> usize {
    for hits in &case.hits {
        system.take(hits).await;
        if case.one_by_one {
            system.settle().await;
        }
    }
    system.settle().await;
    if case.replayed {
        system.replay().await;
        system.settle().await;
    }
    hands.pass(case.later_ms);
    let view = system.view();
    let mut lacking = 0;
    for (question, expected) in &case.questions {
        lacking += usize::from(asked::check(case.name, &*view, question, expected).await);
    }
    lacking
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_log_and_sqlite_answer_every_case() {
    let mut lacking = 0;
    for case in cases::all_cases() {
        let hands = Hands::at(hits::now());
        let mut system = Embedded::open(&hands);
        assert_eq!(system.view().capabilities(), Capabilities::all());
        lacking += run(&case, &mut system, &hands).await;
        system.close().await;
    }
    assert_eq!(lacking, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn kinesis_and_dynamodb_answer_every_case_or_declare_what_they_lack() {
    let amazon = Amazon::start().await;
    let (mut lacking, mut asked) = (0, 0);
    for (number, case) in cases::all_cases().into_iter().enumerate() {
        let hands = Hands::at(hits::now());
        let mut system = amazon.system(number, &hands).await;
        assert_eq!(system.view().capabilities(), counters());
        asked += case.questions.len();
        lacking += run(&case, &mut system, &hands).await;
    }
    println!("{asked} questions, {lacking} of them declared as beyond DynamoDB");
    assert!(lacking > 0 && lacking * 3 < asked, "{lacking} of {asked}");
}

/// What DynamoDB declares, to the letter: whoever changes it changes it here, and says so.
fn counters() -> Capabilities {
    let lacking = [Dimension::Entry, Dimension::Exit, Dimension::Term, Dimension::Content, Dimension::Title];
    Capabilities {
        dimensions: Dimension::ALL.iter().copied().filter(|one| !lacking.contains(one)).collect(),
        filters: vec![Dimension::Site, Dimension::Class],
        visitors: false,
        properties: false,
        every_event: false,
        sums_step_ms: 60_000,
        top_step_ms: 3_600_000,
        value_bytes_max: Some(900),
    }
}
