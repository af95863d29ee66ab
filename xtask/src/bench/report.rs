//! What a comparison tells: medians over the rounds, and ratios within a round.

use serde_json::{Value, json};

use super::cases::REFERENCE;
use super::outcome::{Outcome, median};
use super::rounds::{CaseResult, Sample, SubjectResult};

const HEAD: [&str; 14] = [
    "per event",
    "events/s",
    "p50 ms",
    "p99 ms",
    "p999 ms",
    "CPU us",
    "user + sys",
    "calls",
    "syncs",
    "bytes",
    "peak MiB",
    "x CPU",
    "x rate",
    "x p99",
];

/// One comparison as everybody sees it; ratios are to nginx with the buffered log, in the same round.
pub(super) fn outcome(result: &CaseResult) -> Outcome {
    let [before, after] = &result.machine_load;
    let mut notes = Vec::new();
    for subject in &result.subjects {
        let errors: u64 = subject.samples.iter().map(|sample| sample.load.errors).sum();
        if errors > 0 {
            notes.push(format!(
                "{}: {errors} requests failed; its figures do not count",
                subject.subject.name()
            ));
        }
        if subject.samples.iter().any(|sample| !sample.settled) {
            let name = subject.subject.name();
            notes.push(format!("{name}: its consumers fell behind; their CPU is more than this"));
        }
    }
    let tls = if result.case.tls { " over TLS" } else { "" };
    Outcome {
        title: format!(
            "{}: {} connections{tls}; load of the machine {before} to {after}",
            result.case.name, result.case.connections
        ),
        rows: table(result),
        notes,
        json: case(result),
        is_clean: result.is_clean(),
    }
}

fn table(result: &CaseResult) -> Vec<Vec<String>> {
    let mut rows = vec![HEAD.map(str::to_owned).to_vec()];
    rows.extend(result.subjects.iter().map(|subject| row(subject, reference(result))));
    rows
}

fn row(result: &SubjectResult, reference: Option<&SubjectResult>) -> Vec<String> {
    let middle = |of: fn(&Sample) -> f64| median(result.samples.iter().map(of).collect());
    let ms = |of: fn(&Sample) -> f64| format!("{:.2}", middle(of) / 1000.0);
    let ratio = |of| ratio(result, reference, of).map_or_else(none, |ratio| format!("{ratio:.2}"));
    let calls =
        |of: fn((f64, f64)) -> f64| result.calls.map_or_else(none, |calls| format!("{:.3}", of(calls)));
    vec![
        result.subject.name(),
        format!("{:.0}", middle(Sample::events_per_s)),
        ms(p50),
        ms(p99),
        ms(p999),
        format!("{:.2}", middle(Sample::cpu_us)),
        format!("{:.2} + {:.2}", middle(Sample::user_us), middle(Sample::sys_us)),
        calls(|calls| calls.0),
        calls(|calls| calls.1),
        format!("{:.0}", middle(Sample::written_bytes)),
        format!("{:.0}", result.peak_memory_bytes as f64 / f64::from(1 << 20)),
        ratio(Sample::cpu_us),
        ratio(Sample::events_per_s),
        ratio(p99),
    ]
}

/// With every round, so that another measure than the median can be taken.
fn case(result: &CaseResult) -> Value {
    let subjects: Vec<Value> =
        result.subjects.iter().map(|subject| subject_json(subject, reference(result))).collect();
    json!({
        "case": result.case.name,
        "connections": result.case.connections,
        "tls": result.case.tls,
        "events_per_request": result.case.request.events(),
        "machine_load": result.machine_load,
        "subjects": subjects,
    })
}

fn subject_json(result: &SubjectResult, reference: Option<&SubjectResult>) -> Value {
    let middle = |of: fn(&Sample) -> f64| median(result.samples.iter().map(of).collect());
    json!({
        "subject": result.subject.name(),
        "events_per_s": middle(Sample::events_per_s),
        "p50_us": middle(p50),
        "p99_us": middle(p99),
        "p999_us": middle(p999),
        "user_us_per_event": middle(Sample::user_us),
        "sys_us_per_event": middle(Sample::sys_us),
        "written_bytes_per_event": middle(Sample::written_bytes),
        "system_calls_per_event": result.calls.map(|calls| calls.0),
        "syncs_per_event": result.calls.map(|calls| calls.1),
        "peak_memory_bytes": result.peak_memory_bytes,
        "cpu_ratio": ratio(result, reference, Sample::cpu_us),
        "rate_ratio": ratio(result, reference, Sample::events_per_s),
        "p99_ratio": ratio(result, reference, p99),
        "rounds": result.samples.iter().map(round).collect::<Vec<Value>>(),
    })
}

fn round(sample: &Sample) -> Value {
    json!({
        "requests": sample.load.requests,
        "events": sample.events,
        "duration_us": sample.load.duration_us,
        "p50_us": sample.load.p50_us,
        "p99_us": sample.load.p99_us,
        "p999_us": sample.load.p999_us,
        "errors": sample.load.errors,
        "user_us": sample.usage.user_us,
        "sys_us": sample.usage.sys_us,
        "written_bytes": sample.usage.written_bytes,
        "consumers_caught_up": sample.settled,
    })
}

fn reference(result: &CaseResult) -> Option<&SubjectResult> {
    result.subjects.iter().find(|subject| subject.subject == REFERENCE)
}

/// The median of the ratios within each round; the rounds themselves may differ by much.
fn ratio(result: &SubjectResult, reference: Option<&SubjectResult>, of: fn(&Sample) -> f64) -> Option<f64> {
    let pairs = result.samples.iter().zip(&reference?.samples);
    Some(median(pairs.map(|(ours, theirs)| of(ours) / of(theirs)).collect()))
}

fn p50(sample: &Sample) -> f64 {
    sample.load.p50_us as f64
}

fn p99(sample: &Sample) -> f64 {
    sample.load.p99_us as f64
}

fn p999(sample: &Sample) -> f64 {
    sample.load.p999_us as f64
}

fn none() -> String {
    "-".to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::cases::{Consumers, Subject};
    use super::super::load::Load;
    use super::super::usage::Usage;
    use super::*;

    fn result(subject: Subject, requests: &[u64]) -> SubjectResult {
        let sample = |&requests: &u64| Sample {
            load: Load { requests, duration_us: 1_000_000, p50_us: 1, p99_us: 2, p999_us: 3, errors: 0 },
            usage: Usage { user_us: 100.0, sys_us: 300.0, written_bytes: 4096 },
            events: requests,
            settled: true,
        };
        let samples = requests.iter().map(sample).collect();
        SubjectResult { subject, samples, calls: None, peak_memory_bytes: 1 << 20 }
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let nginx = result(REFERENCE, &[100, 1000, 10]);
        let ours =
            result(Subject::Onepixel { durability: "always", consumers: Consumers::Off }, &[50, 800, 7]);
        let rate = ratio(&ours, Some(&nginx), Sample::events_per_s).unwrap();
        assert!((rate - 0.7).abs() < 1e-9, "{rate}");
        assert_eq!(ratio(&ours, None, Sample::cpu_us), None);
        let row = row(&ours, Some(&nginx));
        assert_eq!((row[5].as_str(), row[6].as_str()), ("8.00", "2.00 + 6.00"));
        assert_eq!(row.len(), HEAD.len());
    }
}
