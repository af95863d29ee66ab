//! A bucket in S3.

use std::sync::Arc;

use anyhow::{Context, ensure};
use bytes::Bytes;
use object_store::aws::{AmazonS3Builder, S3ConditionalPut};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};

use super::{Endpoints, KEY, REGION, SECRET};

/// A bucket that exists.
#[derive(Debug, Clone)]
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    name: String,
}

impl Bucket {
    /// Makes it.
    pub async fn create(endpoints: &Endpoints, name: &str) -> anyhow::Result<Self> {
        let url = format!("{}/{name}", endpoints.s3);
        let put = tokio::task::spawn_blocking(move || ureq::put(&url).send_empty()).await?;
        let put = put.with_context(|| format!("cannot create the bucket {name}"))?;
        ensure!(put.status().is_success(), "creating the bucket {name}: {}", put.status());
        let store = AmazonS3Builder::new()
            .with_endpoint(&endpoints.s3)
            .with_allow_http(true)
            .with_bucket_name(name)
            .with_region(REGION)
            .with_access_key_id(KEY)
            .with_secret_access_key(SECRET)
            .with_conditional_put(S3ConditionalPut::ETagMatch);
        Ok(Self { store: Arc::new(store.build()?), name: name.to_owned() })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// It, as `ONEPIXEL_BUCKET` names it.
    pub fn url(&self) -> String {
        format!("s3://{}", self.name)
    }

    /// A client that goes straight to the server.
    pub fn store(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.store)
    }

    /// The keys of every object below a prefix, which ends at a slash, sorted.
    pub async fn keys(&self, prefix: &str) -> anyhow::Result<Vec<String>> {
        let mut keys = Vec::new();
        let mut folders = vec![Path::from(prefix)];
        while let Some(folder) = folders.pop() {
            let list = self.store.list_with_delimiter(Some(&folder)).await.context("ListObjectsV2")?;
            keys.extend(list.objects.into_iter().map(|object| object.location.to_string()));
            folders.extend(list.common_prefixes);
        }
        keys.sort();
        Ok(keys)
    }

    /// The bytes of an object.
    pub async fn get(&self, key: &str) -> anyhow::Result<Bytes> {
        let found = self.store.get(&Path::from(key)).await.with_context(|| format!("GetObject {key}"))?;
        Ok(found.bytes().await?)
    }
}
