# GET /p.gif and GET /p.js: the cheaper HTTP API, throttled, in front of the ingest function.

resource "aws_apigatewayv2_api" "pixel" {
  name          = "${var.name}-pixel"
  description   = "onepixel: the pixel"
  protocol_type = "HTTP"
  tags          = local.tags
}

resource "aws_apigatewayv2_integration" "pixel" {
  api_id                 = aws_apigatewayv2_api.pixel.id
  integration_type       = "AWS_PROXY"
  integration_uri        = aws_lambda_function.functions["ingest"].invoke_arn
  payload_format_version = "2.0"
  timeout_milliseconds   = 1000 * min(30, aws_lambda_function.functions["ingest"].timeout)
}

# Every other path is answered with 404 by API Gateway, and costs no invocation.
resource "aws_apigatewayv2_route" "pixel" {
  #checkov:skip=CKV_AWS_309:a pixel is for everybody; what protects it is the throttle
  for_each           = toset([for pair in setproduct(["GET", "HEAD"], [var.pixel.path, var.pixel.script]) : "${pair[0]} /${pair[1]}"])
  api_id             = aws_apigatewayv2_api.pixel.id
  route_key          = each.key
  target             = "integrations/${aws_apigatewayv2_integration.pixel.id}"
  authorization_type = "NONE"
}

resource "aws_apigatewayv2_stage" "pixel" {
  api_id      = aws_apigatewayv2_api.pixel.id
  name        = "$default"
  auto_deploy = true
  tags        = local.tags

  default_route_settings {
    throttling_rate_limit    = var.pixel.rate
    throttling_burst_limit   = var.pixel.burst
    detailed_metrics_enabled = true
  }
  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access["pixel"].arn
    format          = local.access_format
  }
}

resource "aws_lambda_permission" "pixel" {
  for_each      = { pixel = var.pixel.path, script = var.pixel.script }
  statement_id  = each.key
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.functions["ingest"].function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.pixel.execution_arn}/*/*/${each.value}"
}

locals {
  # No address, no query and no User-Agent: the privacy policy holds for logs, too.
  access_format = jsonencode({
    request = "$context.requestId"
    at      = "$context.requestTimeEpoch"
    method  = "$context.httpMethod"
    status  = "$context.status"
    bytes   = "$context.responseLength"
    ms      = "$context.responseLatency"
    error   = "$context.error.responseType"
    backend = "$context.integrationErrorMessage"
  })
}

resource "aws_cloudwatch_log_group" "access" {
  #checkov:skip=CKV_AWS_158:kms_key_arn sets a key of your own; without one, CloudWatch's own encrypts
  #checkov:skip=CKV_AWS_338:what is in them serves operation, not audit; logs.days keeps them longer
  for_each          = toset(concat(["pixel", "events"], var.dashboard.enabled ? ["dashboard"] : []))
  name              = "/aws/apigateway/${var.name}-${each.key}"
  retention_in_days = var.logs.days
  kms_key_id        = var.kms_key_arn
  tags              = local.tags
}
