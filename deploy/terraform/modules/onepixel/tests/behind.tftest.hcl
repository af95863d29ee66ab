# From the stream to archive and live view: sources, both ways of archiving, storage, alarms.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  sign_in = "0123456789abcdef0123456789abcdef"
}

run "archive_by_our_consumer" {
  command = plan

  assert {
    condition     = toset(keys(aws_lambda_event_source_mapping.readers)) == toset(["archive", "live"])
    error_message = "archive and live view read apart"
  }
  assert {
    condition     = alltrue([for source in aws_lambda_event_source_mapping.readers : source.starting_position == "TRIM_HORIZON" && source.bisect_batch_on_function_error && source.function_response_types == toset(["ReportBatchItemFailures"])])
    error_message = "a source starts at the beginning, halves what fails, and hears which record failed"
  }
  assert {
    condition     = alltrue([for source in aws_lambda_event_source_mapping.readers : source.maximum_retry_attempts == -1 && source.maximum_record_age_in_seconds == -1])
    error_message = "nothing is given up while the stream has it"
  }
  assert {
    condition     = alltrue([for source in aws_lambda_event_source_mapping.readers : length(source.destination_config[0].on_failure) == 1])
    error_message = "what is given up is told to a queue"
  }
  assert {
    condition     = aws_lambda_event_source_mapping.readers["archive"].batch_size == 10000 && aws_lambda_event_source_mapping.readers["archive"].maximum_batching_window_in_seconds == 60 && aws_lambda_event_source_mapping.readers["live"].batch_size == 1000 && aws_lambda_event_source_mapping.readers["live"].maximum_batching_window_in_seconds == 5
    error_message = "the batches of the settings' defaults"
  }
  assert {
    condition     = length(aws_kinesis_firehose_delivery_stream.archive) == 0 && length(aws_iam_role.firehose) == 0
    error_message = "one archive, not two"
  }
  assert {
    condition     = aws_kinesis_stream.events.stream_mode_details[0].stream_mode == "ON_DEMAND" && aws_kinesis_stream.events.shard_count == null && aws_kinesis_stream.events.retention_period == 24 && aws_kinesis_stream.events.encryption_type == "KMS" && aws_kinesis_stream.events.kms_key_id == "alias/aws/kinesis"
    error_message = "on demand, a day, encrypted"
  }
  assert {
    condition     = alltrue([for name in ["archive-lag", "live-lag", "archive-given-up", "live-given-up", "ingest-errors", "ingest-throttles", "pixel-5xx", "events-5xx", "dashboard-5xx", "stream-full", "dead-letters", "redrive-errors"] : contains(keys(aws_cloudwatch_metric_alarm.alarms), name)])
    error_message = "each way to lose or delay events has an alarm"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.alarms["live-lag"].threshold == 900000 && aws_cloudwatch_metric_alarm.alarms["live-lag"].statistic == "Maximum"
    error_message = "the lag counts in milliseconds, of the worst shard"
  }
}

run "archive_by_firehose" {
  command = plan
  variables {
    archive = { by = "firehose", window_seconds = 300 }
  }

  assert {
    condition     = toset(keys(aws_lambda_event_source_mapping.readers)) == toset(["live"]) && !contains(keys(aws_lambda_function.functions), "archive") && contains(keys(aws_lambda_function.functions), "firehose")
    error_message = "Firehose archives, so our consumer does not"
  }
  assert {
    condition     = aws_kinesis_firehose_delivery_stream.archive[0].extended_s3_configuration[0].prefix == "events/year=!{partitionKeyFromLambda:year}/month=!{partitionKeyFromLambda:month}/day=!{partitionKeyFromLambda:day}/hour=!{partitionKeyFromLambda:hour}/"
    error_message = "the same folders as the consumer's"
  }
  assert {
    condition     = startswith(aws_kinesis_firehose_delivery_stream.archive[0].extended_s3_configuration[0].error_output_prefix, "dead-letter/firehose/")
    error_message = "what cannot be placed is kept"
  }
  assert {
    condition     = aws_kinesis_firehose_delivery_stream.archive[0].extended_s3_configuration[0].dynamic_partitioning_configuration[0].enabled && aws_kinesis_firehose_delivery_stream.archive[0].extended_s3_configuration[0].buffering_size >= 64
    error_message = "dynamic partitioning needs buffers of 64 MB"
  }
  assert {
    condition     = aws_kinesis_firehose_delivery_stream.archive[0].extended_s3_configuration[0].compression_format == "GZIP" && aws_kinesis_firehose_delivery_stream.archive[0].extended_s3_configuration[0].file_extension == ".json.gz"
    error_message = "the same files as the consumer's"
  }
  assert {
    condition     = contains(keys(aws_cloudwatch_metric_alarm.alarms), "delivery-lag") && !contains(keys(aws_cloudwatch_metric_alarm.alarms), "archive-lag")
    error_message = "the alarm is on who archives"
  }
}

run "provisioned_for_a_year" {
  command = plan
  variables {
    stream  = { mode = "PROVISIONED", shards = 4, retention_hours = 8760, record_kib = 1024 }
    archive = { lanes = 4, retries = 10, age_seconds = 3600, cold_days = 30, expire_days = 400 }
  }

  assert {
    condition     = aws_kinesis_stream.events.shard_count == 4 && aws_kinesis_stream.events.retention_period == 8760 && aws_kinesis_stream.events.max_record_size_in_kib == 1024
    error_message = "the stream as it was asked for"
  }
  assert {
    condition     = aws_lambda_event_source_mapping.readers["archive"].parallelization_factor == 4 && aws_lambda_event_source_mapping.readers["archive"].maximum_retry_attempts == 10 && aws_lambda_event_source_mapping.readers["archive"].maximum_record_age_in_seconds == 3600 && aws_lambda_event_source_mapping.readers["live"].maximum_retry_attempts == -1
    error_message = "a source as it was asked for, and not the other"
  }
  assert {
    condition     = one([for rule in aws_s3_bucket_lifecycle_configuration.archive.rule : rule if rule.id == "events"]).transition != null && one([for rule in aws_s3_bucket_lifecycle_configuration.archive.rule : rule if rule.id == "events"]).expiration[0].days == 400
    error_message = "events move and expire as they were asked to"
  }
}

run "athena_finds_the_archive" {
  command = plan

  assert {
    condition     = aws_glue_catalog_table.events.parameters["storage.location.template"] == "s3://onepixel-111122223333-eu-central-1/events/year=$${year}/month=$${month}/day=$${day}/hour=$${hour}/"
    error_message = "partitions are where the consumer writes: ${aws_glue_catalog_table.events.parameters["storage.location.template"]}"
  }
  assert {
    condition     = [for key in aws_glue_catalog_table.events.partition_keys : key.name] == ["year", "month", "day", "hour"] && aws_glue_catalog_table.events.parameters["projection.hour.digits"] == "2"
    error_message = "the partitions' names and digits are those of the folders"
  }
  assert {
    condition     = strcontains(aws_athena_named_query.view["events"].query, "PARTITION BY id ORDER BY") && strcontains(aws_athena_named_query.view["events"].query, "CAST(from_iso8601_timestamp(received_at) AS timestamp) AS received_at")
    error_message = "the view shows each event once"
  }
}

run "storage_is_closed" {
  command = plan

  assert {
    condition     = aws_s3_bucket_public_access_block.archive.block_public_acls && aws_s3_bucket_public_access_block.archive.block_public_policy && aws_s3_bucket_public_access_block.archive.ignore_public_acls && aws_s3_bucket_public_access_block.archive.restrict_public_buckets
    error_message = "nothing in the bucket is public"
  }
  assert {
    condition     = jsondecode(aws_s3_bucket_policy.archive.policy).Statement[0].Effect == "Deny" && jsondecode(aws_s3_bucket_policy.archive.policy).Statement[0].Condition.Bool["aws:SecureTransport"] == "false"
    error_message = "only over TLS"
  }
  assert {
    condition     = alltrue([for rule in aws_s3_bucket_lifecycle_configuration.archive.rule : rule.id != "events"])
    error_message = "nobody asked for events to expire"
  }
  assert {
    condition     = !aws_s3_bucket.archive.force_destroy && aws_dynamodb_table.live.deletion_protection_enabled
    error_message = "what holds data is not deleted by accident"
  }
  assert {
    condition     = aws_dynamodb_table.live.ttl[0].attribute_name == "expires" && aws_dynamodb_table.live.ttl[0].enabled && aws_dynamodb_table.live.point_in_time_recovery[0].enabled && aws_dynamodb_table.live.billing_mode == "PAY_PER_REQUEST" && aws_dynamodb_table.live.hash_key == "pk" && aws_dynamodb_table.live.range_key == "sk"
    error_message = "the table as the code knows it"
  }
  assert {
    condition     = aws_lambda_function.functions["live"].environment[0].variables.ONEPIXEL_TTL == "7d"
    error_message = "the live view remembers a week"
  }
}

run "a_key_of_ones_own_everywhere" {
  command = plan
  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/00000000-0000-0000-0000-000000000000"
    archive     = { by = "firehose" }
  }

  assert {
    condition     = aws_kinesis_stream.events.kms_key_id == var.kms_key_arn && aws_dynamodb_table.live.server_side_encryption[0].kms_key_arn == var.kms_key_arn && one(aws_s3_bucket_server_side_encryption_configuration.archive.rule).apply_server_side_encryption_by_default[0].kms_master_key_id == var.kms_key_arn && aws_sqs_queue.failed["live"].kms_master_key_id == var.kms_key_arn
    error_message = "stream, table, bucket and queue are encrypted with it"
  }
  assert {
    condition     = alltrue([for policy in concat(values(aws_iam_role_policy.functions)[*].policy, [aws_iam_role_policy.events.policy, aws_iam_role_policy.firehose[0].policy]) : strcontains(policy, var.kms_key_arn)])
    error_message = "each role may use it"
  }
}

run "no_dashboard" {
  command = plan
  variables {
    sign_in   = ""
    dashboard = { enabled = false }
  }

  assert {
    condition     = length(aws_apigatewayv2_api.dashboard) == 0 && !contains(keys(aws_lambda_function.functions), "dashboard") && output.dashboard_url == null && output.sign_in_url == null
    error_message = "without a dashboard nothing of it is made"
  }
}
