# POST /e: a REST API that writes each body into Kinesis itself, with no function between.
#
# It is a REST API because the HTTP API's PutRecord has no mapping template, so could add neither time nor address. Its one
# resource is the root, and its stage is called like the path: so the address ends in /e with and without a domain of one's own.
# API Gateway inflates gzip before the template sees the body, and refuses more than 10 MB, and other encodings, by itself.

resource "aws_api_gateway_rest_api" "events" {
  name        = "${var.name}-events"
  description = "onepixel: events from pages and programs"
  tags        = local.tags
  endpoint_configuration {
    types = ["REGIONAL"]
  }
  lifecycle {
    create_before_destroy = true
  }
}

locals {
  templates = "${path.module}/templates"

  # One origin, or all, is the same for each answer; of several, the one that asked is named.
  one_origin  = length(var.events.origins) == 1
  name_origin = local.one_origin ? "" : file("${local.templates}/origin.vtl")
  cors        = local.one_origin ? { "method.response.header.Access-Control-Allow-Origin" = "'${var.events.origins[0]}'" } : {}
  answers = {
    "POST"    = toset(["202", "503"])
    "OPTIONS" = toset(["204"])
  }
  answer_headers = {
    "POST" = {
      "method.response.header.Access-Control-Allow-Origin"   = false
      "method.response.header.Access-Control-Expose-Headers" = false
      "method.response.header.Cache-Control"                 = false
    }
    "OPTIONS" = {
      "method.response.header.Access-Control-Allow-Origin"  = false
      "method.response.header.Access-Control-Allow-Methods" = false
      "method.response.header.Access-Control-Allow-Headers" = false
      "method.response.header.Access-Control-Max-Age"       = false
    }
  }
  posted_cors = merge(local.cors, {
    "method.response.header.Access-Control-Expose-Headers" = "'Retry-After'"
    "method.response.header.Cache-Control"                 = "'no-store'"
  })
}

resource "aws_api_gateway_method" "events" {
  #checkov:skip=CKV_AWS_59:pages post without a key; what protects it is the throttle, and the consumer trusts nothing
  #checkov:skip=CKV2_AWS_53:any body is taken and looked into by the consumer, which puts aside what is not an event, with the reason
  for_each      = local.answers
  rest_api_id   = aws_api_gateway_rest_api.events.id
  resource_id   = aws_api_gateway_rest_api.events.root_resource_id
  http_method   = each.key
  authorization = "NONE"
}

resource "aws_api_gateway_method_response" "events" {
  for_each            = { for pair in flatten([for method, codes in local.answers : [for code in codes : { method = method, code = code }]]) : "${pair.method} ${pair.code}" => pair }
  rest_api_id         = aws_api_gateway_rest_api.events.id
  resource_id         = aws_api_gateway_rest_api.events.root_resource_id
  http_method         = aws_api_gateway_method.events[each.value.method].http_method
  status_code         = each.value.code
  response_parameters = local.answer_headers[each.value.method]
}

resource "aws_api_gateway_integration" "stream" {
  rest_api_id             = aws_api_gateway_rest_api.events.id
  resource_id             = aws_api_gateway_rest_api.events.root_resource_id
  http_method             = aws_api_gateway_method.events["POST"].http_method
  type                    = "AWS"
  integration_http_method = "POST"
  uri                     = "arn:${local.partition}:apigateway:${local.region}:kinesis:action/PutRecord"
  credentials             = aws_iam_role.events.arn
  timeout_milliseconds    = 10000

  # What is neither of these is refused with 415: passing it on would hand Kinesis a stranger's request.
  passthrough_behavior = "NEVER"
  request_templates = {
    "application/json" = file("${local.templates}/record.vtl")
    "text/plain"       = file("${local.templates}/record.vtl")
  }
  request_parameters = {
    "integration.request.header.Content-Type" = "'application/x-amz-json-1.1'"
  }
}

resource "aws_api_gateway_integration_response" "stored" {
  rest_api_id         = aws_api_gateway_rest_api.events.id
  resource_id         = aws_api_gateway_rest_api.events.root_resource_id
  http_method         = aws_api_gateway_integration.stream.http_method
  status_code         = aws_api_gateway_method_response.events["POST 202"].status_code
  selection_pattern   = "200"
  response_parameters = local.posted_cors
  response_templates  = { "application/json" = "${local.name_origin}${file("${local.templates}/stored.vtl")}" }
}

# Has no pattern, so it is every answer that is not 200: what is not known to be stored is never called so.
resource "aws_api_gateway_integration_response" "refused" {
  rest_api_id         = aws_api_gateway_rest_api.events.id
  resource_id         = aws_api_gateway_rest_api.events.root_resource_id
  http_method         = aws_api_gateway_integration.stream.http_method
  status_code         = aws_api_gateway_method_response.events["POST 503"].status_code
  response_parameters = local.posted_cors
  response_templates  = { "application/json" = "${local.name_origin}${file("${local.templates}/refused.vtl")}" }
}

# The preflight, answered by API Gateway alone.
resource "aws_api_gateway_integration" "preflight" {
  rest_api_id          = aws_api_gateway_rest_api.events.id
  resource_id          = aws_api_gateway_rest_api.events.root_resource_id
  http_method          = aws_api_gateway_method.events["OPTIONS"].http_method
  type                 = "MOCK"
  passthrough_behavior = "WHEN_NO_TEMPLATES"
  request_templates    = { "application/json" = jsonencode({ statusCode = 204 }) }
}

resource "aws_api_gateway_integration_response" "preflight" {
  rest_api_id = aws_api_gateway_rest_api.events.id
  resource_id = aws_api_gateway_rest_api.events.root_resource_id
  http_method = aws_api_gateway_integration.preflight.http_method
  status_code = aws_api_gateway_method_response.events["OPTIONS 204"].status_code
  response_parameters = merge(local.cors, {
    "method.response.header.Access-Control-Allow-Methods" = "'POST,OPTIONS'"
    "method.response.header.Access-Control-Allow-Headers" = "'Content-Type,Content-Encoding'"
    "method.response.header.Access-Control-Max-Age"       = "'86400'"
  })
  response_templates = local.one_origin ? {} : { "application/json" = local.name_origin }
}

# What API Gateway says by itself. Not reaching Kinesis, or not in time, leaves open whether the record is stored: sent again
# with the same id, an event is counted once.
locals {
  own_answers = {
    THROTTLED                    = { status = "429", retry = true, error = "too many requests, try again later" }
    DEFAULT_5XX                  = { status = "503", retry = true, error = "not stored, try again with the same id" }
    REQUEST_TOO_LARGE            = { status = "413", retry = false, error = "too large: a body holds at most 1 MiB" }
    UNSUPPORTED_MEDIA_TYPE       = { status = "415", retry = false, error = "a body is application/json or text/plain, plain or gzip" }
    MISSING_AUTHENTICATION_TOKEN = { status = "404", retry = false, error = "only POST and OPTIONS, and only here" }
  }
}

resource "aws_api_gateway_gateway_response" "own" {
  for_each      = local.own_answers
  rest_api_id   = aws_api_gateway_rest_api.events.id
  response_type = each.key
  status_code   = each.value.status
  response_parameters = merge(
    local.one_origin ? { "gatewayresponse.header.Access-Control-Allow-Origin" = "'${var.events.origins[0]}'" } : {},
    each.value.retry ? { "gatewayresponse.header.Retry-After" = "'1'" } : {},
  )
  response_templates = { "application/json" = jsonencode({ error = each.value.error }) }
}

# Made anew whenever anything that it holds changes.
resource "aws_api_gateway_deployment" "events" {
  rest_api_id = aws_api_gateway_rest_api.events.id
  triggers = {
    content = sha256(jsonencode([
      { for name in fileset(local.templates, "*.vtl") : name => filesha256("${local.templates}/${name}") },
      filesha256("${path.module}/events.tf"), var.events.origins,
    ]))
  }
  depends_on = [
    aws_api_gateway_integration_response.stored,
    aws_api_gateway_integration_response.refused,
    aws_api_gateway_integration_response.preflight,
    aws_api_gateway_gateway_response.own,
  ]
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_api_gateway_stage" "events" {
  #checkov:skip=CKV_AWS_73:tracing every event would cost more than taking it
  #checkov:skip=CKV_AWS_120:an answer to POST is never cached
  #checkov:skip=CKV2_AWS_4:access logs tell of each request; execution logs would hold bodies and addresses
  #checkov:skip=CKV2_AWS_29:a firewall is a decision of its own, with its price; docs/aws.md says how to add one
  #checkov:skip=CKV2_AWS_51:callers are anonymous pages, which have no certificates
  rest_api_id   = aws_api_gateway_rest_api.events.id
  deployment_id = aws_api_gateway_deployment.events.id
  stage_name    = var.events.path
  tags          = local.tags
  # Read by the templates.
  variables = merge(
    { stream = aws_kinesis_stream.events.name },
    local.one_origin ? {} : { origins = ",${join(",", var.events.origins)}," },
  )
  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access["events"].arn
    format          = local.access_format
  }
  depends_on = [aws_api_gateway_account.logs]
}

resource "aws_api_gateway_method_settings" "events" {
  #checkov:skip=CKV_AWS_225:an answer to POST is never cached
  #checkov:skip=CKV_AWS_308:an answer to POST is never cached
  #checkov:skip=CKV_AWS_276:nothing is traced
  rest_api_id = aws_api_gateway_rest_api.events.id
  stage_name  = aws_api_gateway_stage.events.stage_name
  method_path = "*/*"
  settings {
    throttling_rate_limit  = var.events.rate
    throttling_burst_limit = var.events.burst
    metrics_enabled        = true
    logging_level          = "OFF"
    data_trace_enabled     = false
  }
}

resource "aws_iam_role" "events" {
  name               = "${var.name}-events"
  assume_role_policy = local.assumed_by["apigateway"]
  tags               = local.tags
}

resource "aws_iam_role_policy" "events" {
  name = "put-records"
  role = aws_iam_role.events.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{ Sid = "Put", Effect = "Allow", Action = ["kinesis:PutRecord"], Resource = [local.stream_arn] }],
      [for arn in var.kms_key_arn[*] : { Sid = "Key", Effect = "Allow", Action = ["kms:GenerateDataKey"], Resource = [arn] }],
    )
  })
}

# A REST API writes logs by a role that a whole account has once in a Region.
resource "aws_api_gateway_account" "logs" {
  count               = var.logs.account_role ? 1 : 0
  cloudwatch_role_arn = aws_iam_role.logs[0].arn
  depends_on          = [aws_iam_role_policy_attachment.logs]
}

resource "aws_iam_role" "logs" {
  count              = var.logs.account_role ? 1 : 0
  name               = "${var.name}-apigateway-logs"
  assume_role_policy = local.assumed_by["apigateway"]
  tags               = local.tags
}

# AWS's own policy: API Gateway tests the role against exactly these permissions, on all log groups.
resource "aws_iam_role_policy_attachment" "logs" {
  count      = var.logs.account_role ? 1 : 0
  role       = aws_iam_role.logs[0].name
  policy_arn = "arn:${local.partition}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
}
