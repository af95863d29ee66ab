# What somebody has to be told of. docs/aws.md says for each what to do.
#
# Each alarm is one entry here; a gap in the data is no alarm, since a quiet site has no data.

locals {
  consumers = local.by_consumer ? ["archive", "live"] : ["live"]

  function_alarms = merge([
    for name in local.enabled : {
      "${name}-errors" = {
        about      = "The function ${name} failed: by a time-out, memory, a crash, or an error that it reports."
        namespace  = "AWS/Lambda"
        metric     = "Errors"
        statistic  = "Sum"
        threshold  = 0
        minutes    = 5
        dimensions = { FunctionName = "${var.name}-${name}" }
      }
      "${name}-throttles" = {
        about      = "The function ${name} was not started: the account's or its own concurrency is used up."
        namespace  = "AWS/Lambda"
        metric     = "Throttles"
        statistic  = "Sum"
        threshold  = 0
        minutes    = 5
        dimensions = { FunctionName = "${var.name}-${name}" }
      }
    }
  ]...)

  lag_alarms = {
    for name in local.consumers : "${name}-lag" => {
      about      = "The consumer ${name} is behind. Nothing is lost before the stream forgets it, after ${var.stream.retention_hours} hours."
      namespace  = "AWS/Lambda"
      metric     = "IteratorAge"
      statistic  = "Maximum"
      threshold  = var.alarms.lag_minutes * 60 * 1000
      minutes    = 5
      dimensions = { FunctionName = "${var.name}-${name}" }
    }
  }

  queue_alarms = {
    for name in keys(local.readers) : "${name}-given-up" => {
      about      = "A batch of ${name} was given up. The message in the queue says where in the stream it is."
      namespace  = "AWS/SQS"
      metric     = "ApproximateNumberOfMessagesVisible"
      statistic  = "Maximum"
      threshold  = 0
      minutes    = 5
      dimensions = { QueueName = "${var.name}-${name}-failed" }
    }
  }

  intake_alarms = merge(
    {
      "pixel-5xx" = {
        about      = "Hits were answered with 5xx: they were not acknowledged."
        namespace  = "AWS/ApiGateway"
        metric     = "5xx"
        statistic  = "Sum"
        threshold  = 0
        minutes    = 5
        dimensions = { ApiId = aws_apigatewayv2_api.pixel.id, Stage = aws_apigatewayv2_stage.pixel.name }
      }
      "events-5xx" = {
        about      = "Events were answered with 5xx: they were not acknowledged."
        namespace  = "AWS/ApiGateway"
        metric     = "5XXError"
        statistic  = "Sum"
        threshold  = 0
        minutes    = 5
        dimensions = { ApiName = aws_api_gateway_rest_api.events.name, Stage = var.events.path }
      }
      "stream-full" = {
        about      = "Kinesis refused records: more comes in than the shards take."
        namespace  = "AWS/Kinesis"
        metric     = "WriteProvisionedThroughputExceeded"
        statistic  = "Sum"
        threshold  = 0
        minutes    = 5
        dimensions = { StreamName = local.stream }
      }
      "dead-letters" = {
        about      = "Something was put under dead-letter/ in the bucket: no event, or what Kinesis did not take in time."
        namespace  = "AWS/S3"
        metric     = "PutRequests"
        statistic  = "Sum"
        threshold  = 0
        minutes    = 5
        dimensions = { BucketName = local.bucket, FilterId = aws_s3_bucket_metric.dead_letters.name }
      }
      "lost" = {
        about      = "The ingest function counted acknowledged events that it could store nowhere before its environment ended."
        namespace  = "onepixel"
        metric     = "Lost"
        statistic  = "Sum"
        threshold  = 0
        minutes    = 5
        dimensions = { Function = "${var.name}-ingest" }
      }
      "redrive-refused" = {
        about      = "Redrive found an object under dead-letter/ingest/ that nobody can bring into Kinesis; it stays there."
        namespace  = "onepixel"
        metric     = "RedriveRefused"
        statistic  = "Sum"
        threshold  = 0
        minutes    = 15
        dimensions = { Function = "${var.name}-redrive" }
      }
      "table-throttles" = {
        about      = "DynamoDB refused writes: the counts come late, and the live view falls behind."
        namespace  = "AWS/DynamoDB"
        metric     = "WriteThrottleEvents"
        statistic  = "Sum"
        threshold  = 100
        minutes    = 15
        dimensions = { TableName = local.table }
      }
    },
    var.dashboard.enabled ? {
      "dashboard-5xx" = {
        about      = "The dashboard answered with 5xx."
        namespace  = "AWS/ApiGateway"
        metric     = "5xx"
        statistic  = "Sum"
        threshold  = 0
        minutes    = 5
        dimensions = { ApiId = aws_apigatewayv2_api.dashboard[0].id, Stage = aws_apigatewayv2_stage.dashboard[0].name }
      }
    } : {},
    local.by_consumer ? {} : {
      "delivery-lag" = {
        about      = "Firehose is behind. Nothing is lost before the stream forgets it, after ${var.stream.retention_hours} hours."
        namespace  = "AWS/Firehose"
        metric     = "DeliveryToS3.DataFreshness"
        statistic  = "Maximum"
        threshold  = var.alarms.lag_minutes * 60
        minutes    = 5
        dimensions = { DeliveryStreamName = "${var.name}-archive" }
      }
    },
  )

  alarms = merge(local.function_alarms, local.lag_alarms, local.queue_alarms, local.intake_alarms)
}

resource "aws_cloudwatch_metric_alarm" "alarms" {
  for_each            = local.alarms
  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.about
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  period              = each.value.minutes * 60
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarms.topic_arns
  ok_actions          = var.alarms.topic_arns
  tags                = local.tags
}

# Counts what is written under dead-letter/, whoever writes it.
resource "aws_s3_bucket_metric" "dead_letters" {
  bucket = aws_s3_bucket.archive.id
  name   = "dead-letter"
  filter {
    prefix = "dead-letter/"
  }
}
