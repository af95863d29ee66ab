//! From an address to an archive, without touching the network: a dead store must not stop the server.

use std::path::{Path as FsPath, PathBuf};
use std::sync::Arc;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};
use url::Url;

use crate::folder::Folder;
use crate::{Archive, OpenArchiveError, limits};

type Variables = Vec<(String, String)>;

impl Archive {
    /// Says whether [`Archive::open`] would understand `url`, without opening or creating anything.
    ///
    /// # Errors
    /// [`OpenArchiveError`] when it would not.
    pub fn check_url(url: &str) -> Result<(), OpenArchiveError> {
        Place::parse(url).map(|_| ())
    }

    /// Opens the archive at `url`, with what the process's environment says about credentials and endpoints.
    ///
    /// | `url` | archive | variables |
    /// |---|---|---|
    /// | empty | `default_folder` | |
    /// | `file:///path`, `/path`, `path` | the folder, created if it is not there | |
    /// | `s3://bucket/prefix` | Amazon S3, or any store that speaks its protocol | `AWS_*` |
    /// | `gs://bucket/prefix` | Google Cloud Storage | `GOOGLE_*` |
    /// | `az://container/prefix` | Azure Blob Storage | `AZURE_*` |
    ///
    /// For S3: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_REGION`, `AWS_ENDPOINT_URL_S3`
    /// or `AWS_ENDPOINT_URL` (also `AWS_ENDPOINT`), and the web identity, container and instance roles; profiles in
    /// `~/.aws` are not read. An endpoint that begins with `http://` is used without TLS: who wrote it meant it
    /// (`AWS_ALLOW_HTTP=false` forbids it all the same). An empty variable counts as absent.
    ///
    /// # Errors
    /// [`OpenArchiveError`] when the address or the settings make no sense, or the local folder cannot be made.
    /// Whether a remote store answers shows with the first write.
    pub fn open(url: &str, default_folder: &FsPath) -> Result<Self, OpenArchiveError> {
        let variables =
            std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
        Self::open_with(url, default_folder, variables)
    }

    /// [`open`](Self::open) with these environment variables instead of the process's.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn open_with(
        url: &str,
        default_folder: &FsPath,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, OpenArchiveError> {
        let variables = variables.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        match Place::parse(url)? {
            Place::Default => open_folder(default_folder),
            Place::Folder(path) => open_folder(&path),
            Place::Remote(remote) => open_remote(remote, variables),
        }
    }
}

/// What an address points at.
#[derive(Debug, PartialEq)]
enum Place {
    Default,
    Folder(PathBuf),
    Remote(Remote),
}

#[derive(Debug, PartialEq)]
struct Remote {
    scheme: Scheme,
    bucket: String,
    root: Path,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Scheme {
    S3,
    Gs,
    Az,
}

impl Place {
    fn parse(text: &str) -> Result<Self, OpenArchiveError> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Self::Default);
        }
        let Some(scheme) = scheme_of(text) else { return Ok(Self::Folder(PathBuf::from(text))) };
        let invalid = |reason: String| OpenArchiveError::InvalidUrl { url: text.to_owned(), reason };
        let url = Url::parse(text).map_err(|e| invalid(e.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(OpenArchiveError::CredentialsInUrl);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(invalid(
                "no `?` or `#` here; settings of the store go into the environment".to_owned(),
            ));
        }
        let scheme = match scheme.as_str() {
            "file" => return file(&url).map(Self::Folder).map_err(invalid),
            "s3" => Scheme::S3,
            "gs" => Scheme::Gs,
            "az" => Scheme::Az,
            _ => return Err(OpenArchiveError::UnknownScheme { url: text.to_owned(), scheme }),
        };
        let bucket = url.host_str().filter(|host| !host.is_empty()).map(ToOwned::to_owned);
        let bucket =
            bucket.ok_or_else(|| invalid("the bucket is missing, as in s3://bucket/prefix".to_owned()))?;
        let root = Path::from_url_path(url.path()).map_err(|e| invalid(e.to_string()))?;
        Ok(Self::Remote(Remote { scheme, bucket, root }))
    }
}

/// The scheme in lower case when the text begins with one; one letter is a drive, not a scheme.
fn scheme_of(text: &str) -> Option<String> {
    let (scheme, _) = text.split_once(':')?;
    let is_scheme = scheme.len() > 1
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    is_scheme.then(|| scheme.to_ascii_lowercase())
}

fn file(url: &Url) -> Result<PathBuf, String> {
    url.to_file_path()
        .map_err(|()| "a file URL has three slashes and an absolute path: file:///path".to_owned())
}

fn open_folder(path: &FsPath) -> Result<Archive, OpenArchiveError> {
    let failed = |source| OpenArchiveError::Folder { path: path.to_owned(), source };
    let folder = Folder::create(path).map_err(failed)?;
    let top = folder.top();
    let store = LocalFileSystem::new_with_prefix(top).map_err(|e| failed(e.into()))?;
    let url = Url::from_file_path(top).map_or_else(|()| top.display().to_string(), String::from);
    Ok(Archive::local(Arc::new(store), folder, url))
}

fn open_remote(remote: Remote, variables: Variables) -> Result<Archive, OpenArchiveError> {
    let Remote { scheme, bucket, root } = remote;
    let (name, prefix) = match scheme {
        Scheme::S3 => ("s3", "AWS_"),
        Scheme::Gs => ("gs", "GOOGLE_"),
        Scheme::Az => ("az", "AZURE_"),
    };
    let url = if root.as_ref().is_empty() {
        format!("{name}://{bucket}")
    } else {
        format!("{name}://{bucket}/{root}")
    };
    let settings = variables.into_iter().filter(|(key, _)| key.starts_with(prefix));
    let settings = settings.map(|(key, value)| (key.to_ascii_lowercase(), value)).collect();
    let store = match scheme {
        Scheme::S3 => s3(&bucket, settings),
        Scheme::Gs => gs(&bucket, settings),
        Scheme::Az => az(&bucket, settings),
    };
    match store {
        Ok(store) => Ok(Archive::over(store, root, url)),
        Err(source) => Err(OpenArchiveError::Settings { url, variables: prefix, source }),
    }
}

/// The three functions read their variables exactly as the builders' own `from_env` do, but from what was passed in,
/// and over our time limits instead of the client's.
fn s3(bucket: &str, settings: Variables) -> object_store::Result<Arc<dyn ObjectStore>> {
    let endpoints = ["aws_endpoint_url_s3", "aws_endpoint_url", "aws_endpoint"];
    let plain =
        settings.iter().any(|(key, value)| endpoints.contains(&&**key) && value.starts_with("http://"));
    let builder =
        AmazonS3Builder::new().with_client_options(client().with_allow_http(plain)).with_retry(retry());
    let builder = settings.into_iter().fold(builder, |builder, (key, value)| match key.parse() {
        Ok(key) => builder.with_config(key, value),
        Err(_) => builder,
    });
    Ok(Arc::new(builder.with_bucket_name(bucket).build()?))
}

fn gs(bucket: &str, settings: Variables) -> object_store::Result<Arc<dyn ObjectStore>> {
    let builder = GoogleCloudStorageBuilder::new().with_client_options(client()).with_retry(retry());
    let builder = settings.into_iter().fold(builder, |builder, (key, value)| match key.parse() {
        Ok(key) => builder.with_config(key, value),
        Err(_) => builder,
    });
    Ok(Arc::new(builder.with_bucket_name(bucket).build()?))
}

fn az(container: &str, settings: Variables) -> object_store::Result<Arc<dyn ObjectStore>> {
    let builder = MicrosoftAzureBuilder::new().with_client_options(client()).with_retry(retry());
    let builder = settings.into_iter().fold(builder, |builder, (key, value)| match key.parse() {
        Ok(key) => builder.with_config(key, value),
        Err(_) => builder,
    });
    Ok(Arc::new(builder.with_container_name(container).build()?))
}

fn client() -> ClientOptions {
    ClientOptions::new().with_connect_timeout(limits::CONNECT_TIMEOUT).with_timeout(limits::REQUEST_TIMEOUT)
}

fn retry() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig::default(),
        max_retries: limits::REQUEST_RETRIES_MAX,
        retry_timeout: limits::REQUEST_RETRY_WINDOW,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_place(text: &str, expected: Place) {
        assert_eq!(Place::parse(text).unwrap(), expected, "{text}");
    }

    fn remote(scheme: Scheme, bucket: &str, root: &str) -> Place {
        Place::Remote(Remote { scheme, bucket: bucket.to_owned(), root: root.into() })
    }

    #[test]
    fn reads_addresses() {
        check_place("", Place::Default);
        check_place(" ", Place::Default);
        check_place("/var/archive", Place::Folder("/var/archive".into()));
        check_place("archive/here", Place::Folder("archive/here".into()));
        check_place("./odd:name", Place::Folder("./odd:name".into()));
        check_place("file:///var/my%20archive", Place::Folder("/var/my archive".into()));
        check_place("s3://bucket", remote(Scheme::S3, "bucket", ""));
        check_place("s3://Bucket_1.x/a/b/", remote(Scheme::S3, "Bucket_1.x", "a/b"));
        check_place("S3://bucket/a", remote(Scheme::S3, "bucket", "a"));
        check_place("gs://bucket/a", remote(Scheme::Gs, "bucket", "a"));
        check_place("az://container/a", remote(Scheme::Az, "container", "a"));
    }

    #[track_caller]
    fn check_error(text: &str, expected: &str) {
        let error = Place::parse(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }

    #[test]
    fn refuses_addresses_and_says_how_they_should_look() {
        check_error("ftp://host/x", "unknown scheme \"ftp\"; use a folder's path, file:///path, s3://");
        check_error("https://bucket.s3.amazonaws.com/x", "unknown scheme \"https\"");
        check_error("s3:bucket", "the bucket is missing");
        check_error("s3:///prefix", "the bucket is missing");
        check_error("file://relative/path", "three slashes");
        check_error("s3://bucket//a", "empty path segment");
        check_error("s3://bucket/a?region=eu", "the environment");
        check_error("s3://bucket/a#b", "the environment");
        check_error("s3://KEY:hunter2@bucket/a", "must not hold credentials");
        assert!(!Place::parse("s3://KEY:hunter2@bucket/a").unwrap_err().to_string().contains("hunter2"));
    }

    #[track_caller]
    fn open(url: &str, variables: &[(&str, &str)]) -> Result<Archive, OpenArchiveError> {
        let variables = variables.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Archive::open_with(url, FsPath::new("/nowhere"), variables)
    }

    #[test]
    fn opens_remote_stores_without_asking_them() {
        let http = ("AWS_ENDPOINT", "http://192.0.2.1:9000");
        assert_eq!(open("s3://b/p/", &[http]).unwrap().url(), "s3://b/p");
        assert_eq!(open("s3://b", &[("AWS_BUCKET", "other"), http]).unwrap().url(), "s3://b");
        assert!(open("s3://b", &[]).is_ok());
        assert!(open("gs://b/p", &[("GOOGLE_SKIP_SIGNATURE", "true")]).is_ok());
        assert!(open("az://c/p", &[("AZURE_STORAGE_ACCOUNT_NAME", "account")]).is_ok());
    }

    #[test]
    fn settings_that_make_no_sense_name_their_variables() {
        let cases = [
            ("s3://b", ("AWS_ACCESS_KEY_ID", "key"), "AWS_"),
            ("s3://b", ("AWS_ALLOW_HTTP", "perhaps"), "AWS_"),
            ("az://c", ("AZURE_USE_EMULATOR", "perhaps"), "AZURE_"),
            ("gs://b", ("GOOGLE_SERVICE_ACCOUNT", "/no/such/file"), "GOOGLE_"),
        ];
        for (url, variable, expected) in cases {
            let error = open(url, &[variable]).unwrap_err().to_string();
            assert!(error.contains(&format!("variables that begin with {expected}")), "{error}");
        }
    }

    #[test]
    fn makes_the_folder_and_says_where_it_cannot() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b c");
        let archive = Archive::open_with(path.to_str().unwrap(), FsPath::new("/nowhere"), []).unwrap();
        assert!(path.is_dir());
        assert_eq!(archive.folder(), Some(&*path.canonicalize().unwrap()));
        assert!(archive.url().starts_with("file:///") && archive.url().ends_with("/a/b%20c"));
        assert_eq!(
            Archive::open_with(archive.url(), FsPath::new("/nowhere"), []).unwrap().url(),
            archive.url()
        );
        let error = Archive::open_with("/proc/nothing/here", FsPath::new("/nowhere"), []).unwrap_err();
        assert!(error.to_string().contains("\"/proc/nothing/here\" cannot be used"), "{error}");
    }
}
