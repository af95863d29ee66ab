//! Keeps every client linked until the functions are written.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    let config = aws_config::load_defaults(aws_config::BehaviorVersion::latest()).await;
    let kinesis = aws_sdk_kinesis::Client::new(&config);
    let dynamo = aws_sdk_dynamodb::Client::new(&config);
    tracing::debug!(?kinesis, ?dynamo, "clients");
    lambda_http::run(lambda_http::service_fn(async |_: lambda_http::Request| {
        Ok::<_, lambda_http::Error>(lambda_http::Response::new(lambda_http::Body::Empty))
    }))
    .await
}
