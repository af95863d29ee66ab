# The event source mappings: which batches of the stream each consumer is handed, and what becomes of one that fails.
#
# Archive and live view read apart, so that an outage of one is nobody else's. With retries and age_seconds at -1 a batch is
# tried until the stream forgets it; a record that is no event never gets there, since the consumer puts it aside itself.

locals {
  readers = merge(
    { live = var.live },
    { for name in local.by_consumer ? ["archive"] : [] : name => var.archive },
  )
}

resource "aws_lambda_event_source_mapping" "readers" {
  for_each = local.readers

  event_source_arn  = aws_kinesis_stream.events.arn
  function_name     = aws_lambda_function.functions[each.key].arn
  starting_position = "TRIM_HORIZON" # LATEST may miss what comes while the mapping is made.
  tags              = local.tags

  batch_size                         = each.value.batch_size
  maximum_batching_window_in_seconds = each.value.window_seconds
  parallelization_factor             = each.value.lanes
  maximum_retry_attempts             = each.value.retries
  maximum_record_age_in_seconds      = each.value.age_seconds
  bisect_batch_on_function_error     = true
  function_response_types            = ["ReportBatchItemFailures"]

  destination_config {
    on_failure {
      destination_arn = aws_sqs_queue.failed[each.key].arn
    }
  }
}

# Gets where in the stream a batch is that was given up (shard, sequence numbers, times), never the records themselves.
resource "aws_sqs_queue" "failed" {
  #checkov:skip=CKV_AWS_27:encrypted by SQS's own keys, or by kms_key_arn where one is set
  for_each                          = local.readers
  name                              = "${var.name}-${each.key}-failed"
  message_retention_seconds         = 1209600 # 14 days, the longest there is.
  sqs_managed_sse_enabled           = var.kms_key_arn == null ? true : null
  kms_master_key_id                 = var.kms_key_arn
  kms_data_key_reuse_period_seconds = var.kms_key_arn == null ? null : 3600
  tags                              = local.tags
}
