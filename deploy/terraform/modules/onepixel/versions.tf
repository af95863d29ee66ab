terraform {
  required_version = ">= 1.9"
  required_providers {
    aws = {
      source = "hashicorp/aws"
      # 6.19 brought records of more than 1 MiB; checked against the schema of 6.25.0.
      version = ">= 6.19, < 7.0"
    }
  }
}
