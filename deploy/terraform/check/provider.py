"""A stand-in for AWS's provider for Terraform: knows its schema and AWS's own value rules, and never talks to AWS.

Terraform starts it like the real one. It answers what arguments there are (SCHEMA, made by schema.mjs), refuses values
that AWS would refuse (rules.py), and fills in believable ARNs and ids, so that a plan shows whole policies. It cannot apply.
"""

import json
import os
import sys

import msgpack
import tf.provider as served
from tf.gen import tfplugin_pb2 as pb
from tf.gen import tfplugin_pb2_grpc as rpc
from tf.runner import run_provider

# Reading AWS's models takes a while; the module's own tests, which start this program for each run, go without.
rules = None if os.environ.get("ONEPIXEL_RULES") == "off" else __import__("rules")

SCHEMA = json.load(open(os.environ["ONEPIXEL_SCHEMA"], encoding="utf-8"))
UNKNOWN = msgpack.ExtType(0, b"\x00")
NESTING = {"list": 2, "set": 3, "single": 1, "map": 4}
ACCOUNT, REGION = "111122223333", "us-east-1"
DATA = {
    "aws_caller_identity": {"account_id": ACCOUNT, "id": ACCOUNT},
    "aws_partition": {"partition": "aws", "id": "aws"},
    "aws_region": {"region": REGION, "name": REGION, "id": REGION},
}


def block_of(block):
    return pb.Schema.Block(
        attributes=[
            pb.Schema.Attribute(
                name=name,
                type=json.dumps(attribute["type"]).encode(),
                required=attribute.get("required", False),
                optional=attribute.get("optional", False),
                computed=attribute.get("computed", False),
            )
            for name, attribute in sorted(block["attributes"].items())
        ],
        block_types=[
            pb.Schema.NestedBlock(
                type_name=name,
                block=block_of(nested["block"]),
                nesting=NESTING[nested["nesting"]],
                min_items=nested["min"],
                max_items=nested["max"],
            )
            for name, nested in sorted(block["blocks"].items())
        ],
    )


def schema_of(block):
    return pb.Schema(version=0, block=block_of(block))


def decode(value):
    if not value.msgpack:
        return None
    return msgpack.unpackb(value.msgpack, ext_hook=msgpack.ExtType, strict_map_key=False)


def encode(value):
    return pb.DynamicValue(msgpack=msgpack.packb(value))


def believable(kind, attribute, config):
    """What AWS might answer for a string that it makes: an ARN with the resource's name, or an id that tells where it is from."""
    named = [n for n in ("function_name", "name", "bucket", "domain_name", "alarm_name", "rule") if isinstance(config.get(n), str)]
    name = config[named[0]] if named else kind.removeprefix("aws_")
    service = kind.split("_")[1]
    if attribute == "arn" and kind == "aws_cloudwatch_log_group":
        return f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}"
    if attribute == "arn" and kind == "aws_lambda_function":
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
    if attribute == "arn" and kind == "aws_iam_role":
        return f"arn:aws:iam::{ACCOUNT}:role/{name}"
    if attribute == "arn" and kind == "aws_s3_bucket":
        return f"arn:aws:s3:::{name}"
    if attribute == "arn" and kind in ("aws_sqs_queue", "aws_sns_topic"):
        return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{name}"
    if attribute == "arn" and kind == "aws_kinesis_firehose_delivery_stream":
        return f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/{name}"
    if attribute in ("arn", "certificate_arn"):
        return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{kind.split('_')[-1]}/{name}"
    if attribute == "execution_arn":
        return f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{name}"
    if attribute in ("api_endpoint", "invoke_url"):
        return f"https://{name}.execute-api.{REGION}.amazonaws.com" + (f"/{config['stage_name']}" if "stage_name" in config else "")
    if attribute == "id":
        return name
    return f"{name}.{attribute}"


def fill(kind, block, value, top):
    """The planned state: what is left open is filled in where it is a string of the resource itself, and unknown elsewhere."""
    if value is None or isinstance(value, msgpack.ExtType):
        return value
    config = dict(value)
    for name, attribute in block["attributes"].items():
        if not attribute.get("computed") or value.get(name) is not None:
            continue
        if not attribute.get("optional") or (top and name in ("id", "arn")):
            value[name] = believable(kind, name, config) if top and attribute["type"] == "string" else UNKNOWN
    for name, nested in block["blocks"].items():
        inner = value.get(name)
        if isinstance(inner, list):
            value[name] = [fill(kind, nested["block"], one, False) for one in inner]
        elif isinstance(inner, dict):
            value[name] = fill(kind, nested["block"], inner, False)
    return value


class Provider(rpc.ProviderServicer):
    def __init__(self, _):
        pass

    def GetMetadata(self, request, context):
        return pb.GetMetadata.Response(
            server_capabilities=pb.ServerCapabilities(plan_destroy=False, get_provider_schema_optional=False),
            resources=[pb.GetMetadata.ResourceMetadata(type_name=kind) for kind in SCHEMA["resources"]],
            data_sources=[pb.GetMetadata.DataSourceMetadata(type_name=kind) for kind in SCHEMA["data"]],
        )

    def GetProviderSchema(self, request, context):
        return pb.GetProviderSchema.Response(
            provider=schema_of(SCHEMA["provider"]),
            resource_schemas={kind: schema_of(block) for kind, block in SCHEMA["resources"].items()},
            data_source_schemas={kind: schema_of(block) for kind, block in SCHEMA["data"].items()},
        )

    def ValidateProviderConfig(self, request, context):
        return pb.ValidateProviderConfig.Response()

    def ValidateResourceConfig(self, request, context):
        faults = rules.check(request.type_name, decode(request.config) or {}) if rules else []
        return pb.ValidateResourceConfig.Response(
            diagnostics=[
                pb.Diagnostic(
                    severity=1,
                    summary=f"{'.'.join(map(str, path))}: {what}",
                    detail="According to AWS's own model of this call.",
                    attribute=pb.AttributePath(steps=[pb.AttributePath.Step(attribute_name=str(path[0]))]),
                )
                for path, what in faults
            ]
        )

    def ValidateDataResourceConfig(self, request, context):
        return pb.ValidateDataResourceConfig.Response()

    def ConfigureProvider(self, request, context):
        return pb.ConfigureProvider.Response()

    def UpgradeResourceState(self, request, context):
        return pb.UpgradeResourceState.Response(upgraded_state=pb.DynamicValue(json=request.raw_state.json))

    def ReadResource(self, request, context):
        return pb.ReadResource.Response(new_state=request.current_state)

    def PlanResourceChange(self, request, context):
        value = decode(request.proposed_new_state)
        if value is not None and decode(request.prior_state) is None:
            value = fill(request.type_name, SCHEMA["resources"][request.type_name], value, True)
        return pb.PlanResourceChange.Response(planned_state=encode(value), legacy_type_system=True)

    def ReadDataSource(self, request, context):
        value = decode(request.config)
        value.update(DATA[request.type_name])
        return pb.ReadDataSource.Response(state=encode(value))

    def ApplyResourceChange(self, request, context):
        told = pb.Diagnostic(severity=1, summary="this stand-in knows only the schema: nothing can be applied")
        return pb.ApplyResourceChange.Response(diagnostics=[told])

    def GetFunctions(self, request, context):
        return pb.GetFunctions.Response()

    def StopProvider(self, request, context):
        return pb.StopProvider.Response()


class Named:
    def full_name(self):
        return "registry.terraform.io/hashicorp/aws"


if __name__ == "__main__":
    served.ProviderServicer = Provider
    run_provider(Named(), sys.argv)
