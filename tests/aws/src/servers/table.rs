//! A DynamoDB table with the keys and the TTL attribute that the functions expect.

use std::collections::HashMap;

use anyhow::Context;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
    TimeToLiveSpecification,
};

use super::Endpoints;

/// One item: its attributes by name.
pub type Item = HashMap<String, AttributeValue>;

/// A table that exists, with the keys `pk` and `sk` (both strings) and the TTL attribute `expires`.
#[derive(Debug, Clone)]
pub struct Table {
    client: Client,
    name: String,
}

impl Table {
    /// Makes it.
    pub async fn create(endpoints: &Endpoints, name: &str) -> anyhow::Result<Self> {
        let client = endpoints.dynamodb();
        let mut create = client.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
        for (key, kind) in [("pk", KeyType::Hash), ("sk", KeyType::Range)] {
            let attribute =
                AttributeDefinition::builder().attribute_name(key).attribute_type(ScalarAttributeType::S);
            create = create.attribute_definitions(attribute.build()?);
            let element = KeySchemaElement::builder().attribute_name(key).key_type(kind);
            create = create.key_schema(element.build()?);
        }
        create.send().await.with_context(|| format!("cannot create the table {name}"))?;
        let ttl = TimeToLiveSpecification::builder().attribute_name("expires").enabled(true).build()?;
        let update = client.update_time_to_live().table_name(name).time_to_live_specification(ttl);
        update.send().await.context("UpdateTimeToLive")?;
        Ok(Self { client, name: name.to_owned() })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A client that goes straight to the server.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Every item, expired ones included.
    pub async fn read_all(&self) -> anyhow::Result<Vec<Item>> {
        let mut pages =
            self.client.scan().table_name(&self.name).consistent_read(true).into_paginator().send();
        let mut items = Vec::new();
        while let Some(page) = pages.next().await {
            items.extend(page.context("Scan")?.items.unwrap_or_default());
        }
        Ok(items)
    }
}
