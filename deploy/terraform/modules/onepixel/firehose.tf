# The archive by Firehose, instead of our consumer: the same folders, the same lines, names of Firehose's own.
#
# The function checks and labels each record and says which hour it belongs to; a record is of one hour, so it is placed whole.
# What it cannot take stands under dead-letter/firehose/ as Firehose writes it.

resource "aws_kinesis_firehose_delivery_stream" "archive" {
  #checkov:skip=CKV_AWS_240:its source is a Kinesis stream, which is encrypted already; Firehose cannot encrypt it again
  #checkov:skip=CKV_AWS_241:its source is a Kinesis stream, which is encrypted already; Firehose cannot encrypt it again
  count       = local.by_consumer ? 0 : 1
  name        = "${var.name}-archive"
  destination = "extended_s3"
  tags        = local.tags

  kinesis_source_configuration {
    kinesis_stream_arn = aws_kinesis_stream.events.arn
    role_arn           = aws_iam_role.firehose[0].arn
  }

  extended_s3_configuration {
    bucket_arn          = aws_s3_bucket.archive.arn
    role_arn            = aws_iam_role.firehose[0].arn
    compression_format  = "GZIP"
    file_extension      = ".json.gz"
    custom_time_zone    = "UTC"
    buffering_size      = 128 # MB; dynamic partitioning takes 64 or more.
    buffering_interval  = max(60, var.archive.window_seconds)
    kms_key_arn         = var.kms_key_arn
    prefix              = "events/year=!{partitionKeyFromLambda:year}/month=!{partitionKeyFromLambda:month}/day=!{partitionKeyFromLambda:day}/hour=!{partitionKeyFromLambda:hour}/"
    error_output_prefix = "dead-letter/firehose/!{firehose:error-output-type}/!{timestamp:yyyy-MM-dd}/"

    dynamic_partitioning_configuration {
      enabled        = true
      retry_duration = 300
    }
    processing_configuration {
      enabled = true
      processors {
        type = "Lambda"
        parameters {
          parameter_name  = "LambdaArn"
          parameter_value = "${aws_lambda_function.functions["firehose"].arn}:$LATEST"
        }
        parameters {
          parameter_name  = "BufferSizeInMBs"
          parameter_value = "1"
        }
        parameters {
          parameter_name  = "BufferIntervalInSeconds"
          parameter_value = "60"
        }
      }
    }
    cloudwatch_logging_options {
      enabled         = true
      log_group_name  = aws_cloudwatch_log_group.firehose[0].name
      log_stream_name = aws_cloudwatch_log_stream.firehose[0].name
    }
  }
  depends_on = [aws_iam_role_policy.firehose]
}

resource "aws_cloudwatch_log_group" "firehose" {
  #checkov:skip=CKV_AWS_158:kms_key_arn sets a key of your own; without one, CloudWatch's own encrypts
  #checkov:skip=CKV_AWS_338:what is in them serves operation, not audit; logs.days keeps them longer
  count             = local.by_consumer ? 0 : 1
  name              = "/aws/kinesisfirehose/${var.name}-archive"
  retention_in_days = var.logs.days
  kms_key_id        = var.kms_key_arn
  tags              = local.tags
}

resource "aws_cloudwatch_log_stream" "firehose" {
  count          = local.by_consumer ? 0 : 1
  name           = "delivery"
  log_group_name = aws_cloudwatch_log_group.firehose[0].name
}

resource "aws_iam_role" "firehose" {
  count              = local.by_consumer ? 0 : 1
  name               = "${var.name}-delivery"
  assume_role_policy = local.assumed_by["firehose"]
  tags               = local.tags
}

resource "aws_iam_role_policy" "firehose" {
  count = local.by_consumer ? 0 : 1
  name  = "deliver"
  role  = aws_iam_role.firehose[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid      = "ReadStream"
          Effect   = "Allow"
          Action   = ["kinesis:DescribeStream", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"]
          Resource = [local.stream_arn]
        },
        {
          Sid      = "Transform"
          Effect   = "Allow"
          Action   = ["lambda:GetFunctionConfiguration", "lambda:InvokeFunction"]
          Resource = ["${aws_lambda_function.functions["firehose"].arn}:$LATEST"]
        },
        {
          Sid      = "Bucket"
          Effect   = "Allow"
          Action   = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
          Resource = [local.bucket_arn]
        },
        {
          Sid      = "Deliver"
          Effect   = "Allow"
          Action   = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"]
          Resource = ["${local.bucket_arn}/events/*", "${local.bucket_arn}/dead-letter/firehose/*"]
        },
        {
          Sid      = "Logs"
          Effect   = "Allow"
          Action   = ["logs:PutLogEvents"]
          Resource = ["${aws_cloudwatch_log_group.firehose[0].arn}:log-stream:*"]
        },
      ],
      local.key_for,
    )
  })
}
