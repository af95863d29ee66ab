# The stream between intake and consumers: what is in it is durable, and what is in it was acknowledged.

resource "aws_kinesis_stream" "events" {
  name                   = local.stream
  shard_count            = var.stream.mode == "PROVISIONED" ? var.stream.shards : null
  retention_period       = var.stream.retention_hours
  max_record_size_in_kib = var.stream.record_kib
  encryption_type        = "KMS"
  kms_key_id             = coalesce(var.kms_key_arn, "alias/aws/kinesis")
  tags                   = local.tags

  stream_mode_details {
    stream_mode = var.stream.mode
  }
}
