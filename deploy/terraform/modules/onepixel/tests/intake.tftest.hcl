# From the caller to the stream: throttles, the template, the answers, and no address in a log.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  sign_in = "0123456789abcdef0123456789abcdef"
}

run "as_it_comes" {
  command = plan

  assert {
    condition     = aws_lambda_function.functions["ingest"].environment[0].variables.ONEPIXEL_ACK == "before"
    error_message = "nothing may be acknowledged before Kinesis has it, unless somebody chose so"
  }
  assert {
    condition     = toset(keys(aws_lambda_function.functions)) == toset(["ingest", "archive", "live", "redrive", "dashboard"])
    error_message = "these functions, and no others: ${join(" ", keys(aws_lambda_function.functions))}"
  }
  assert {
    condition     = alltrue([for function in aws_lambda_function.functions : function.runtime == "provided.al2023" && function.architectures == tolist(["arm64"])])
    error_message = "the functions run on arm64"
  }
  assert {
    condition     = alltrue([for function in aws_lambda_function.functions : function.logging_config[0].system_log_level == "WARN" && function.logging_config[0].log_format == "JSON"])
    error_message = "START, END and REPORT of every hit must not be logged"
  }
  assert {
    condition     = toset([for route in aws_apigatewayv2_route.pixel : route.route_key]) == toset(["GET /p.gif", "HEAD /p.gif", "GET /p.js", "HEAD /p.js"])
    error_message = "the pixel and the tracker, and nothing else, start the ingest function"
  }
  assert {
    condition     = aws_apigatewayv2_stage.pixel.default_route_settings[0].throttling_rate_limit == 1000 && aws_apigatewayv2_stage.pixel.default_route_settings[0].throttling_burst_limit == 2000
    error_message = "the pixel is throttled"
  }
  assert {
    condition     = aws_api_gateway_method_settings.events.method_path == "*/*" && aws_api_gateway_method_settings.events.settings[0].throttling_rate_limit == 500 && aws_api_gateway_method_settings.events.settings[0].throttling_burst_limit == 1000
    error_message = "events are throttled, every method of them"
  }
  assert {
    condition     = !aws_api_gateway_method_settings.events.settings[0].data_trace_enabled && aws_api_gateway_method_settings.events.settings[0].logging_level == "OFF"
    error_message = "bodies and addresses of callers must not be logged"
  }
  assert {
    condition     = alltrue([for format in [aws_apigatewayv2_stage.pixel.access_log_settings[0].format, aws_api_gateway_stage.events.access_log_settings[0].format, aws_apigatewayv2_stage.dashboard[0].access_log_settings[0].format] : !strcontains(lower(format), "sourceip") && !strcontains(lower(format), "useragent") && strcontains(format, "$context.requestId")])
    error_message = "access logs name the request, and neither address nor User-Agent"
  }
  assert {
    condition     = output.pixel_url == "https://abc123.execute-api.eu-central-1.amazonaws.com/p.gif" && output.events_url == "https://def456.execute-api.eu-central-1.amazonaws.com/e"
    error_message = "the addresses are those of API Gateway: ${output.pixel_url} ${output.events_url}"
  }
  assert {
    condition     = output.snippet == "<script defer src=\"https://abc123.execute-api.eu-central-1.amazonaws.com/p.js\" data-site=\"my-site\" data-events=\"${output.events_url}\"></script>\n<noscript><img src=\"${output.pixel_url}?site=my-site\" alt=\"\" width=\"1\" height=\"1\" referrerpolicy=\"no-referrer-when-downgrade\"></noscript>\n"
    error_message = "the snippet names the tracker, where it posts to, and the pixel: ${output.snippet}"
  }
}

run "events_go_to_kinesis_without_a_function" {
  command = plan

  assert {
    condition     = aws_api_gateway_integration.stream.type == "AWS" && aws_api_gateway_integration.stream.uri == "arn:aws:apigateway:eu-central-1:kinesis:action/PutRecord"
    error_message = "POST /e is a PutRecord"
  }
  assert {
    condition     = aws_api_gateway_integration.stream.passthrough_behavior == "NEVER"
    error_message = "a body of an unknown type must not be handed to Kinesis as a request"
  }
  assert {
    condition     = toset(keys(aws_api_gateway_integration.stream.request_templates)) == toset(["application/json", "text/plain"])
    error_message = "pages send text/plain, so that there is no preflight, and programs JSON"
  }
  assert {
    condition     = alltrue([for template in values(aws_api_gateway_integration.stream.request_templates) : template == file("./templates/record.vtl") && strcontains(template, "$util.base64Encode($input.body)")])
    error_message = "the body is in the record as base64 only, and Terraform has left the template as it is"
  }
  assert {
    condition     = aws_api_gateway_stage.events.variables.stream == "onepixel-events"
    error_message = "the template's stream is ours"
  }
  assert {
    condition     = aws_api_gateway_integration_response.stored.status_code == "202" && aws_api_gateway_integration_response.stored.selection_pattern == "200"
    error_message = "202 is the answer to Kinesis's 200 and to nothing else"
  }
  assert {
    condition     = aws_api_gateway_integration_response.refused.status_code == "503" && aws_api_gateway_integration_response.refused.selection_pattern == null
    error_message = "what is not known to be stored is refused"
  }
  assert {
    condition     = aws_api_gateway_gateway_response.own["THROTTLED"].status_code == "429" && aws_api_gateway_gateway_response.own["THROTTLED"].response_parameters["gatewayresponse.header.Retry-After"] == "'1'"
    error_message = "who is throttled is told when to come again"
  }
  assert {
    condition     = aws_api_gateway_integration.preflight.type == "MOCK" && aws_api_gateway_integration_response.preflight.response_parameters["method.response.header.Access-Control-Allow-Origin"] == "'*'"
    error_message = "the preflight is answered by API Gateway"
  }
  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.events.policy).Statement : statement.Action] == [["kinesis:PutRecord"]]
    error_message = "API Gateway may put records, and nothing else"
  }
}

run "some_origins_only" {
  command = plan
  variables {
    events = { origins = ["https://www.example.com", "https://shop.example.com:8443"] }
  }

  assert {
    condition     = aws_api_gateway_stage.events.variables.origins == ",https://www.example.com,https://shop.example.com:8443,"
    error_message = "the template knows the origins"
  }
  assert {
    condition     = !contains(keys(aws_api_gateway_integration_response.stored.response_parameters), "method.response.header.Access-Control-Allow-Origin") && strcontains(aws_api_gateway_integration_response.stored.response_templates["application/json"], "Access-Control-Allow-Origin")
    error_message = "the origin that asked is named by the template, and no other"
  }
}

run "answer_first" {
  command = plan
  variables {
    acknowledge  = "after"
    architecture = "x86_64"
    pixel        = { path = "img/t.gif", rate = 5000, burst = 3000 }
    events       = { path = "collect" }
    functions    = { ingest = { memory = 512, concurrency = 50 } }
  }

  assert {
    condition     = aws_lambda_function.functions["ingest"].environment[0].variables.ONEPIXEL_ACK == "after"
    error_message = "answer first, as it was chosen"
  }
  assert {
    condition     = aws_lambda_function.functions["ingest"].memory_size == 512 && aws_lambda_function.functions["ingest"].timeout == 10 && aws_lambda_function.functions["ingest"].reserved_concurrent_executions == 50 && aws_lambda_function.functions["live"].reserved_concurrent_executions == -1
    error_message = "a single function can be changed, and keeps the rest"
  }
  assert {
    condition     = aws_lambda_function.functions["ingest"].architectures == tolist(["x86_64"])
    error_message = "the processor is chosen"
  }
  assert {
    condition     = contains(keys(aws_apigatewayv2_route.pixel), "GET /img/t.gif") && endswith(aws_lambda_permission.pixel["pixel"].source_arn, "/*/*/img/t.gif") && endswith(aws_lambda_permission.pixel["script"].source_arn, "/*/*/p.js") && aws_api_gateway_stage.events.stage_name == "collect"
    error_message = "the public paths can be renamed"
  }
}

run "own_domain" {
  command = plan
  variables {
    domain = { name = "stats.example.com", dashboard_name = "dash.example.com", zone_id = "Z0000000000000EXAMPLE" }
  }
  override_resource {
    target          = aws_acm_certificate.domain
    override_during = plan
    values = {
      arn = "arn:aws:acm:eu-central-1:111122223333:certificate/mocked"
      domain_validation_options = [
        { domain_name = "stats.example.com", resource_record_name = "_a.stats.example.com.", resource_record_type = "CNAME", resource_record_value = "_a.acm.example." },
        { domain_name = "dash.example.com", resource_record_name = "_b.dash.example.com.", resource_record_type = "CNAME", resource_record_value = "_b.acm.example." },
      ]
    }
  }
  override_resource {
    target          = aws_apigatewayv2_domain_name.names
    override_during = plan
    values = {
      domain_name_configuration = {
        target_domain_name = "d-abc.execute-api.eu-central-1.amazonaws.com"
        hosted_zone_id     = "Z1"
      }
    }
  }

  assert {
    condition     = output.pixel_url == "https://stats.example.com/p.gif" && output.events_url == "https://stats.example.com/e" && output.dashboard_url == "https://dash.example.com/"
    error_message = "one name for pixel and events, another for the dashboard"
  }
  assert {
    condition     = aws_apigatewayv2_api_mapping.pixel[0].api_mapping_key == null && aws_apigatewayv2_api_mapping.events[0].api_mapping_key == "e"
    error_message = "the HTTP API has the empty path of the name, and the REST API its own"
  }
  assert {
    condition     = alltrue([for name in aws_apigatewayv2_domain_name.names : name.domain_name_configuration[0].security_policy == "TLS_1_2" && name.domain_name_configuration[0].endpoint_type == "REGIONAL"])
    error_message = "only a Regional name with TLS 1.2 maps both kinds of API"
  }
  assert {
    condition     = length(aws_acm_certificate.domain) == 1 && length(aws_route53_record.proof) == 2 && length(aws_route53_record.alias) == 2
    error_message = "a certificate, its proofs and the aliases"
  }
  assert {
    condition     = aws_lambda_function.functions["dashboard"].environment[0].variables.ONEPIXEL_PIXEL_URL == "https://stats.example.com/p.gif" && aws_lambda_function.functions["dashboard"].environment[0].variables.ONEPIXEL_SCRIPT_URL == "https://stats.example.com/p.js"
    error_message = "the dashboard shows the snippet with the right addresses"
  }
  assert {
    condition     = startswith(output.snippet, "<script defer src=\"https://stats.example.com/p.js\" data-site=\"my-site\"></script>\n")
    error_message = "the tracker finds the events' path beside itself: ${output.snippet}"
  }
}

run "own_domain_with_a_certificate_and_dns_elsewhere" {
  command = plan
  variables {
    domain = { name = "stats.example.com", certificate_arn = "arn:aws:acm:eu-central-1:111122223333:certificate/own" }
  }
  override_resource {
    target          = aws_apigatewayv2_domain_name.names
    override_during = plan
  }

  assert {
    condition     = length(aws_acm_certificate.domain) == 0 && length(aws_route53_record.proof) == 0 && length(aws_route53_record.alias) == 0
    error_message = "nothing is made in Route 53 without a zone"
  }
  assert {
    condition     = aws_apigatewayv2_domain_name.names["intake"].domain_name_configuration[0].certificate_arn == "arn:aws:acm:eu-central-1:111122223333:certificate/own"
    error_message = "the certificate that was named is used"
  }
}

run "no_domain_no_domain_resources" {
  command = plan

  assert {
    condition     = length(aws_apigatewayv2_domain_name.names) == 0 && length(aws_apigatewayv2_api_mapping.pixel) == 0 && length(aws_acm_certificate.domain) == 0
    error_message = "without a domain nothing of it is made"
  }
}
