//! What the live view's table should say, worked out from the events alone, and what it says.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use onepixel_aws::dynamo::keys::{self, Ranked};
use onepixel_aws_tests::servers::Item;
use onepixel_event::Event;

use crate::batches;

/// Key without write shard, and attribute, to number.
pub(crate) type Counts = BTreeMap<(String, String, String), i64>;

/// What the events say; each is given once.
pub(crate) fn model(events: &[Event<'_>]) -> Counts {
    let mut counts = Counts::new();
    for event in events {
        let (at, day) = (event.received_at, keys::day(event.received_at));
        let values = [
            (Ranked::Page, event.page_path.as_deref()),
            (Ranked::Host, event.page_host.as_deref()),
            (Ranked::Referrer, event.referrer_host.as_deref()),
            (Ranked::Group, event.referrer_group.map(|group| group.as_str())),
            (Ranked::Source, event.utm_source.as_deref()),
            (Ranked::Medium, event.utm_medium.as_deref()),
            (Ranked::Campaign, event.utm_campaign.as_deref()),
            (Ranked::Browser, event.browser.as_deref()),
            (Ranked::Os, event.os.as_deref()),
            (Ranked::Device, event.device.map(|device| device.as_str())),
            (Ranked::Country, event.country.as_deref()),
            (Ranked::Language, event.language.as_deref()),
            (Ranked::Event, Some(&*event.event)),
            (Ranked::Site, Some(&*event.site)),
        ];
        for site in [Some(&*event.site), None] {
            let mut places = vec![
                (keys::count_pk(site, &day, 0), keys::hour_sk(at)),
                (keys::count_pk(site, &day, 0), keys::minute_sk(at)),
            ];
            for (dimension, value) in values {
                if let Some(value) = value.filter(|_| site.is_none() || dimension != Ranked::Site) {
                    places.push((keys::top_pk(dimension, site, &day, 0), keys::top_sk(at, value)));
                }
            }
            for (pk, sk) in places {
                let class = event.class.as_str();
                *counts.entry((pk.clone(), sk.clone(), class.to_owned())).or_default() += 1;
                if event.event == "pageview" {
                    *counts.entry((pk, sk, format!("{class}_views"))).or_default() += 1;
                }
            }
        }
    }
    counts
}

/// What the table says, all write shards together.
pub(crate) fn counted(items: &[Item]) -> Counts {
    let mut counts = Counts::new();
    for item in items {
        let text = |name: &str| item[name].as_s().unwrap().clone();
        let number = |value: &AttributeValue| value.as_n().unwrap().parse::<i64>().unwrap();
        assert!(number(&item[keys::EXPIRES]) > batches::now().ms() / 1000, "{item:?}");
        let pk = text(keys::PK);
        if !pk.starts_with("C#") && !pk.starts_with("T#") {
            continue;
        }
        // `C#2026-02-10#3#...`
        let mut parts: Vec<&str> = pk.splitn(4, '#').collect();
        parts[2] = "0";
        for (name, value) in item {
            if ![keys::PK, keys::SK, keys::EXPIRES, keys::LAST].contains(&name.as_str()) {
                let key = (parts.join("#"), text(keys::SK), name.clone());
                *counts.entry(key).or_default() += number(value);
            }
        }
    }
    counts
}

/// The first of what differs; nothing when nothing does.
pub(crate) fn differences(items: &[Item], events: &[Event<'_>]) -> Vec<String> {
    let (counted, model) = (counted(items), model(events));
    let missing = model.iter().filter(|(key, count)| counted.get(*key) != Some(*count));
    let missing = missing.map(|(key, count)| format!("{key:?}: {:?}, expected {count}", counted.get(key)));
    let surplus = counted.iter().filter(|(key, _)| !model.contains_key(*key));
    let surplus = surplus.map(|(key, count)| format!("{key:?}: {count}, expected nothing"));
    missing.chain(surplus).take(5).collect()
}
