# A name of one's own, if there is one: the certificate, the domain names of API Gateway and the aliases in Route 53.
#
# AWS lets one Regional domain name map HTTP and REST APIs at once: the HTTP API of the pixel has the empty path, and the REST
# API of the events has its own. The dashboard answers at / too, so it has a name of its own.

locals {
  names = var.domain == null ? {} : merge(
    { intake = var.domain.name },
    { for name in var.dashboard.enabled ? compact([var.domain.dashboard_name]) : [] : "dashboard" => name },
  )
  own_certificate = var.domain == null ? false : var.domain.certificate_arn == null
  aliased         = var.domain == null ? false : var.domain.zone_id != null
  certificate_arn = var.domain == null ? null : (
    local.own_certificate ? aws_acm_certificate_validation.domain[0].certificate_arn : var.domain.certificate_arn
  )
}

resource "aws_acm_certificate" "domain" {
  count                     = local.own_certificate ? 1 : 0
  domain_name               = local.names["intake"]
  subject_alternative_names = [for key, name in local.names : name if key != "intake"]
  validation_method         = "DNS"
  tags                      = local.tags
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_route53_record" "proof" {
  for_each        = local.own_certificate ? toset(values(local.names)) : toset([])
  zone_id         = var.domain.zone_id
  name            = one([for option in aws_acm_certificate.domain[0].domain_validation_options : option.resource_record_name if option.domain_name == each.key])
  type            = one([for option in aws_acm_certificate.domain[0].domain_validation_options : option.resource_record_type if option.domain_name == each.key])
  records         = [one([for option in aws_acm_certificate.domain[0].domain_validation_options : option.resource_record_value if option.domain_name == each.key])]
  ttl             = 300
  allow_overwrite = true
}

resource "aws_acm_certificate_validation" "domain" {
  count                   = local.own_certificate ? 1 : 0
  certificate_arn         = aws_acm_certificate.domain[0].arn
  validation_record_fqdns = [for record in aws_route53_record.proof : record.fqdn]
}

resource "aws_apigatewayv2_domain_name" "names" {
  for_each    = local.names
  domain_name = each.value
  tags        = local.tags
  domain_name_configuration {
    certificate_arn = local.certificate_arn
    endpoint_type   = "REGIONAL"
    security_policy = "TLS_1_2"
  }
}

resource "aws_apigatewayv2_api_mapping" "pixel" {
  count       = var.domain == null ? 0 : 1
  api_id      = aws_apigatewayv2_api.pixel.id
  domain_name = aws_apigatewayv2_domain_name.names["intake"].id
  stage       = aws_apigatewayv2_stage.pixel.id
}

resource "aws_apigatewayv2_api_mapping" "events" {
  count           = var.domain == null ? 0 : 1
  api_id          = aws_api_gateway_rest_api.events.id
  domain_name     = aws_apigatewayv2_domain_name.names["intake"].id
  stage           = aws_api_gateway_stage.events.stage_name
  api_mapping_key = var.events.path
}

resource "aws_apigatewayv2_api_mapping" "dashboard" {
  count       = contains(keys(local.names), "dashboard") ? 1 : 0
  api_id      = aws_apigatewayv2_api.dashboard[0].id
  domain_name = aws_apigatewayv2_domain_name.names["dashboard"].id
  stage       = aws_apigatewayv2_stage.dashboard[0].id
}

resource "aws_route53_record" "alias" {
  for_each = local.aliased ? local.names : {}
  zone_id  = var.domain.zone_id
  name     = each.value
  type     = "A"
  alias {
    name                   = aws_apigatewayv2_domain_name.names[each.key].domain_name_configuration[0].target_domain_name
    zone_id                = aws_apigatewayv2_domain_name.names[each.key].domain_name_configuration[0].hosted_zone_id
    evaluate_target_health = false
  }
}
