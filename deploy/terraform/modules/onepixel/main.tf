# One installation: pixel and events in, Kinesis between, an archive in S3 and a live view in DynamoDB behind.
#
# The files in the order of an event's path: pixel.tf and events.tf (API Gateway), stream.tf, sources.tf (event source
# mappings), functions.tf with grants.tf (what each may do), bucket.tf or firehose.tf, table.tf, catalog.tf (Athena),
# dashboard.tf; beside them domain.tf, alarms.tf and board.tf.

data "aws_caller_identity" "here" {}
data "aws_partition" "here" {}
data "aws_region" "here" {}

locals {
  account   = data.aws_caller_identity.here.account_id
  partition = data.aws_partition.here.partition
  region    = data.aws_region.here.region

  by_consumer = var.archive.by == "consumer"

  # Bare names, so that policies can name what does not exist yet.
  bucket = "${var.name}-${local.account}-${local.region}"
  stream = "${var.name}-events"
  table  = "${var.name}-live"

  stream_arn = "arn:${local.partition}:kinesis:${local.region}:${local.account}:stream/${local.stream}"
  table_arn  = "arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${local.table}"
  bucket_arn = "arn:${local.partition}:s3:::${local.bucket}"

  tags = merge({ Application = "onepixel", Installation = var.name }, var.tags)
}
