# The dashboard: the same pages and the same API as on one machine, in a function that reads the table.
#
# It has an HTTP API and not a function URL, since that could not be throttled: guessing at passwords would cost invocations without bound.

resource "aws_apigatewayv2_api" "dashboard" {
  count         = var.dashboard.enabled ? 1 : 0
  name          = "${var.name}-dashboard"
  description   = "onepixel: the dashboard"
  protocol_type = "HTTP"
  tags          = local.tags
}

resource "aws_apigatewayv2_integration" "dashboard" {
  count                  = var.dashboard.enabled ? 1 : 0
  api_id                 = aws_apigatewayv2_api.dashboard[0].id
  integration_type       = "AWS_PROXY"
  integration_uri        = aws_lambda_function.functions["dashboard"].invoke_arn
  payload_format_version = "2.0"
}

resource "aws_apigatewayv2_route" "dashboard" {
  #checkov:skip=CKV_AWS_309:the dashboard lets in by itself: by password, token or public link
  count              = var.dashboard.enabled ? 1 : 0
  api_id             = aws_apigatewayv2_api.dashboard[0].id
  route_key          = "$default"
  target             = "integrations/${aws_apigatewayv2_integration.dashboard[0].id}"
  authorization_type = "NONE"
}

resource "aws_apigatewayv2_stage" "dashboard" {
  count       = var.dashboard.enabled ? 1 : 0
  api_id      = aws_apigatewayv2_api.dashboard[0].id
  name        = "$default"
  auto_deploy = true
  tags        = local.tags

  default_route_settings {
    throttling_rate_limit    = var.dashboard.rate
    throttling_burst_limit   = var.dashboard.burst
    detailed_metrics_enabled = true
  }
  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access["dashboard"].arn
    format          = local.access_format
  }
}

resource "aws_lambda_permission" "dashboard" {
  count         = var.dashboard.enabled ? 1 : 0
  statement_id  = "dashboard"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.functions["dashboard"].function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.dashboard[0].execution_arn}/*/*"
}
