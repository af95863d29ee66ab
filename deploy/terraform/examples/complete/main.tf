# A whole installation. Three commands, of which docs/aws.md tells more:
#
#   cargo xtask lambda
#   terraform init
#   TF_VAR_sign_in=$(openssl rand -hex 32) terraform apply

terraform {
  required_version = ">= 1.9"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.25"
    }
  }
  # Keep the state where your team can reach it, and where it is encrypted: it holds sign_in.
  # backend "s3" {}
}

provider "aws" {
  region = var.region
}

module "onepixel" {
  source = "../../modules/onepixel"

  name         = var.name
  zips         = var.zips
  architecture = var.architecture
  acknowledge  = var.acknowledge
  sign_in      = var.sign_in
  domain       = var.domain
  stream       = var.stream
  archive      = var.archive
  alarms       = { topic_arns = aws_sns_topic.alarms[*].arn }
}

# Alarms by mail, if there is an address; AWS asks it to confirm.
resource "aws_sns_topic" "alarms" {
  #checkov:skip=CKV_AWS_26:alarms name no visitor; CloudWatch cannot publish to a topic that SNS's own key encrypts
  count = var.mail == null ? 0 : 1
  name  = "${var.name}-alarms"
}

resource "aws_sns_topic_subscription" "mail" {
  count     = var.mail == null ? 0 : 1
  topic_arn = aws_sns_topic.alarms[0].arn
  protocol  = "email"
  endpoint  = var.mail
}
