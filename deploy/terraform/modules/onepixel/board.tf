# The CloudWatch dashboard of whoever operates this: intake, stream, consumers, and what went wrong, in this order.

locals {
  pixel_api = ["ApiId", aws_apigatewayv2_api.pixel.id]
  event_api = ["ApiName", aws_api_gateway_rest_api.events.name]

  graphs = [
    {
      title = "Requests a minute"
      stat  = "Sum"
      metrics = [
        concat(["AWS/ApiGateway", "Count"], local.pixel_api, [{ label = "pixel" }]),
        concat(["AWS/ApiGateway", "Count"], local.event_api, [{ label = "events" }]),
      ]
    },
    {
      title = "Refused and failed, a minute"
      stat  = "Sum"
      metrics = [
        concat(["AWS/ApiGateway", "4xx"], local.pixel_api, [{ label = "pixel 4xx" }]),
        concat(["AWS/ApiGateway", "5xx"], local.pixel_api, [{ label = "pixel 5xx" }]),
        concat(["AWS/ApiGateway", "4XXError"], local.event_api, [{ label = "events 4xx" }]),
        concat(["AWS/ApiGateway", "5XXError"], local.event_api, [{ label = "events 5xx" }]),
      ]
    },
    {
      title = "Time to the answer (ms)"
      stat  = "p50"
      metrics = [
        concat(["AWS/ApiGateway", "Latency"], local.pixel_api, [{ label = "pixel, median" }]),
        concat(["AWS/ApiGateway", "Latency"], local.pixel_api, [{ label = "pixel, p99", stat = "p99" }]),
        concat(["AWS/ApiGateway", "Latency"], local.event_api, [{ label = "events, median" }]),
        concat(["AWS/ApiGateway", "Latency"], local.event_api, [{ label = "events, p99", stat = "p99" }]),
      ]
    },
    {
      title = "Stream: records in, and refused, a minute"
      stat  = "Sum"
      metrics = [
        ["AWS/Kinesis", "IncomingRecords", "StreamName", local.stream, { label = "in" }],
        ["AWS/Kinesis", "WriteProvisionedThroughputExceeded", "StreamName", local.stream, { label = "refused" }],
      ]
    },
    {
      title   = "How far consumers are behind (ms)"
      stat    = "Maximum"
      metrics = [for name in local.consumers : ["AWS/Lambda", "IteratorAge", "FunctionName", "${var.name}-${name}", { label = name }]]
    },
    {
      title   = "Functions: errors a minute"
      stat    = "Sum"
      metrics = [for name in sort(local.enabled) : ["AWS/Lambda", "Errors", "FunctionName", "${var.name}-${name}", { label = name }]]
    },
    {
      title   = "Functions: time of a call (ms)"
      stat    = "Average"
      metrics = [for name in sort(local.enabled) : ["AWS/Lambda", "Duration", "FunctionName", "${var.name}-${name}", { label = name }]]
    },
    {
      title = "Table: write units, and refused writes, a minute"
      stat  = "Sum"
      metrics = [
        ["AWS/DynamoDB", "ConsumedWriteCapacityUnits", "TableName", local.table, { label = "units" }],
        ["AWS/DynamoDB", "WriteThrottleEvents", "TableName", local.table, { label = "refused" }],
      ]
    },
    {
      title = "Dead letters a minute, and batches given up"
      stat  = "Sum"
      metrics = concat(
        [["AWS/S3", "PutRequests", "BucketName", local.bucket, "FilterId", "dead-letter", { label = "dead letters" }]],
        [for name in sort(keys(local.readers)) : ["AWS/SQS", "NumberOfMessagesSent", "QueueName", "${var.name}-${name}-failed", { label = "${name}: given up" }]],
      )
    },
  ]
}

resource "aws_cloudwatch_dashboard" "board" {
  dashboard_name = var.name
  dashboard_body = jsonencode({
    widgets = [
      for index, graph in local.graphs : {
        type   = "metric"
        x      = 8 * (index % 3)
        y      = 6 * floor(index / 3)
        width  = 8
        height = 6
        properties = {
          title   = graph.title
          view    = "timeSeries"
          stacked = false
          region  = local.region
          stat    = graph.stat
          period  = 60
          metrics = graph.metrics
        }
      }
    ]
  })
}
