"""The values that AWS would refuse: enumerations, ranges, lengths and patterns, from the models that botocore carries.

An argument is looked up in the input of the call that it ends in, by its name without underscores. What no model names is
let pass; `python rules.py SCHEMA` prints what is checked and what is not.
"""

import functools
import json
import re
import sys

import botocore.session

# Which calls a resource becomes. An argument may be called differently there: resource argument -> member.
CALLS = {
    "aws_acm_certificate": [("acm", "RequestCertificate", {})],
    "aws_api_gateway_deployment": [("apigateway", "CreateDeployment", {})],
    "aws_api_gateway_gateway_response": [("apigateway", "PutGatewayResponse", {})],
    "aws_api_gateway_integration": [
        ("apigateway", "PutIntegration", {"timeout_milliseconds": "timeoutInMillis"}),
    ],
    "aws_api_gateway_integration_response": [("apigateway", "PutIntegrationResponse", {})],
    "aws_api_gateway_method": [("apigateway", "PutMethod", {})],
    "aws_api_gateway_method_response": [("apigateway", "PutMethodResponse", {})],
    "aws_api_gateway_rest_api": [("apigateway", "CreateRestApi", {})],
    "aws_api_gateway_stage": [("apigateway", "CreateStage", {})],
    "aws_apigatewayv2_api": [("apigatewayv2", "CreateApi", {})],
    "aws_apigatewayv2_api_mapping": [("apigatewayv2", "CreateApiMapping", {})],
    "aws_apigatewayv2_domain_name": [
        ("apigatewayv2", "CreateDomainName", {"domain_name_configuration": "DomainNameConfigurations"}),
    ],
    "aws_apigatewayv2_integration": [
        ("apigatewayv2", "CreateIntegration", {"timeout_milliseconds": "TimeoutInMillis"}),
    ],
    "aws_apigatewayv2_route": [("apigatewayv2", "CreateRoute", {})],
    "aws_apigatewayv2_stage": [("apigatewayv2", "CreateStage", {"name": "StageName"})],
    "aws_athena_named_query": [("athena", "CreateNamedQuery", {"query": "QueryString"})],
    "aws_athena_workgroup": [("athena", "CreateWorkGroup", {})],
    "aws_cloudwatch_dashboard": [("cloudwatch", "PutDashboard", {})],
    "aws_cloudwatch_event_rule": [("events", "PutRule", {})],
    "aws_cloudwatch_log_group": [("logs", "CreateLogGroup", {"name": "logGroupName"}), ("logs", "PutRetentionPolicy", {})],
    "aws_cloudwatch_log_stream": [("logs", "CreateLogStream", {"name": "logStreamName"})],
    "aws_cloudwatch_metric_alarm": [("cloudwatch", "PutMetricAlarm", {})],
    "aws_dynamodb_table": [
        ("dynamodb", "CreateTable", {"name": "TableName"}),
        ("dynamodb", "UpdateTimeToLive", {"ttl": "TimeToLiveSpecification"}),
    ],
    "aws_glue_catalog_database": [("glue", "CreateDatabase", {}, "DatabaseInput")],
    "aws_glue_catalog_table": [("glue", "CreateTable", {"ser_de_info": "SerdeInfo"}, "TableInput")],
    "aws_iam_role": [("iam", "CreateRole", {"name": "RoleName", "assume_role_policy": "AssumeRolePolicyDocument"})],
    "aws_iam_role_policy": [("iam", "PutRolePolicy", {"name": "PolicyName", "role": "RoleName", "policy": "PolicyDocument"})],
    "aws_iam_role_policy_attachment": [("iam", "AttachRolePolicy", {"role": "RoleName"})],
    "aws_kinesis_firehose_delivery_stream": [
        (
            "firehose",
            "CreateDeliveryStream",
            {
                "name": "DeliveryStreamName",
                "kinesis_source_configuration": "KinesisStreamSourceConfiguration",
                "extended_s3_configuration": "ExtendedS3DestinationConfiguration",
            },
        ),
    ],
    "aws_kinesis_stream": [
        ("kinesis", "CreateStream", {"name": "StreamName"}),
        ("kinesis", "StartStreamEncryption", {"kms_key_id": "KeyId"}),
        ("kinesis", "IncreaseStreamRetentionPeriod", {"retention_period": "RetentionPeriodHours"}),
    ],
    "aws_lambda_event_source_mapping": [("lambda", "CreateEventSourceMapping", {})],
    "aws_lambda_function": [("lambda", "CreateFunction", {})],
    "aws_lambda_function_event_invoke_config": [("lambda", "PutFunctionEventInvokeConfig", {})],
    "aws_lambda_permission": [("lambda", "AddPermission", {})],
    "aws_route53_record": [],
    "aws_s3_bucket": [("s3", "CreateBucket", {})],
    "aws_s3_bucket_lifecycle_configuration": [
        ("s3", "PutBucketLifecycleConfiguration", {"rule": "Rules", "id": "ID", "transition": "Transitions"}, "LifecycleConfiguration"),
    ],
    "aws_s3_bucket_ownership_controls": [("s3", "PutBucketOwnershipControls", {"rule": "Rules"}, "OwnershipControls")],
    "aws_s3_bucket_server_side_encryption_configuration": [
        (
            "s3",
            "PutBucketEncryption",
            {"rule": "Rules", "kms_master_key_id": "KMSMasterKeyID"},
            "ServerSideEncryptionConfiguration",
        ),
    ],
    "aws_s3_bucket_versioning": [("s3", "PutBucketVersioning", {})],
    "aws_sns_topic_subscription": [("sns", "Subscribe", {})],
}

# What AWS documents, and no model says.
OWN = {
    ("aws_lambda_function", "reserved_concurrent_executions"): (-1, None),
    ("aws_apigatewayv2_integration", "timeout_milliseconds"): (50, 30000),
    ("aws_api_gateway_integration", "timeout_milliseconds"): (50, 29000),
    ("aws_sqs_queue", "message_retention_seconds"): (60, 1209600),
    ("aws_sqs_queue", "kms_data_key_reuse_period_seconds"): (60, 86400),
    ("aws_kinesis_stream", "retention_period"): (24, 8760),
    ("aws_kinesis_stream", "max_record_size_in_kib"): (1024, 10240),
}


@functools.cache
def model(service):
    return botocore.session.Session().get_service_model(service)


def inputs(kind):
    """The shapes that a resource's arguments end in, and how they are called there."""
    for service, operation, names, *inside in CALLS.get(kind, []):
        shape = model(service).operation_model(operation).input_shape
        yield (shape.members[inside[0]] if inside else shape), names


def member(shape, argument, names):
    wanted = names.get(argument, argument).replace("_", "").lower()
    for name, inner in shape.members.items():
        if name.lower() in (wanted, f"{wanted}s"):
            return inner
    return None


def scalar(shape, value):
    """Why AWS would refuse a string or number; None if it would not."""
    limits = shape.metadata
    if isinstance(value, str):
        if limits.get("enum") and value not in limits["enum"]:
            return f"{value!r} is none of {', '.join(limits['enum'])}"
        if not limits.get("min", 0) <= len(value) <= limits.get("max", len(value)):
            return f"{len(value)} characters are not {limits.get('min', 0)} to {limits.get('max', 'any')}"
        pattern = limits.get("pattern")
        if pattern and not matches(pattern, value):
            return f"{value!r} does not match {pattern}"
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        if not limits.get("min", value) <= value <= limits.get("max", value):
            return f"{value} is not {limits.get('min', 'any')} to {limits.get('max', 'any')}"
    return None


def matches(pattern, value):
    try:
        return re.fullmatch(pattern, value) is not None
    except re.error:
        return True  # A notation of Java's that Python does not have.


def walk(shape, value, names, path):
    if value is None or type(value).__name__ == "ExtType":
        return
    if shape.type_name == "list":
        entries = value if isinstance(value, list) else [value]
        for index, entry in enumerate(entries):
            yield from walk(shape.member, entry, names, (*path, index))
    elif shape.type_name == "structure":
        # A block that may come once is a list to Terraform.
        for entry in value if isinstance(value, list) else [value]:
            for argument, inner in entry.items() if isinstance(entry, dict) else ():
                found = member(shape, argument, names)
                if found is not None:
                    yield from walk(found, inner, names, (*path, argument))
    elif shape.type_name == "map":
        for key, inner in value.items() if isinstance(value, dict) else ():
            yield from walk(shape.value, inner, names, (*path, key))
    else:
        fault = scalar(shape, value)
        if fault:
            yield path, fault


def check(kind, config):
    """Every fault of a resource's arguments: where, and what."""
    faults = []
    for argument, value in config.items():
        low, high = OWN.get((kind, argument), (None, None))
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            if (low is not None and value < low) or (high is not None and value > high):
                faults.append(((argument,), f"{value} is not {low} to {high}"))
        for shape, names in inputs(kind):
            found = member(shape, argument, names)
            if found is not None:
                faults.extend(walk(found, value, names, (argument,)))
    return faults


def main(path):
    schema = json.load(open(path, encoding="utf-8"))
    for kind, block in sorted(schema["resources"].items()):
        known = [a for a in [*block["attributes"], *block["blocks"]] if any(member(s, a, n) is not None for s, n in inputs(kind))]
        print(f"{kind}: {len(known)} of {len(block['attributes']) + len(block['blocks'])}: {' '.join(sorted(known))}")


if __name__ == "__main__":
    main(sys.argv[1])
