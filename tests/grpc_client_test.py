#!/usr/bin/env python3
"""A gRPC client that knows nothing of Hearth but what reflection tells it: services, methods and
messages come from the running server, as with grpcurl.
Usage: tests/grpc_client_test.py BINARY REPO. Skipped without Debian's python3-grpcio and python3-protobuf (`make client-test` installs them)."""

import json
import math
import pathlib
import subprocess
import sys
import tempfile
import unittest

from command import REPO
from recorded import run_script
from serve_client import Server, write_adapter

try:
    import grpc
    from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
    MISSING = ""
except ModuleNotFoundError as failure:
    MISSING = failure.name

REFLECTION = "grpc.reflection.v1.ServerReflection"


def message_class(pool, name: str):
    descriptor = pool.FindMessageTypeByName(name)
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(descriptor)
    return message_factory.MessageFactory(pool).GetPrototype(descriptor)


def reflection_pool():
    """The one file that such a client brings along: reflection's own."""
    with tempfile.NamedTemporaryFile(suffix=".pb") as out:
        subprocess.run(["protoc", "-I", REPO / "proto", f"--descriptor_set_out={out.name}",
                        "grpc/reflection/v1/reflection.proto"], check=True)
        files = descriptor_pb2.FileDescriptorSet.FromString(pathlib.Path(out.name).read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    return pool


class GenericClient:
    """Calls any method of a server by its name, with JSON for messages."""

    def __init__(self, target: str):
        self.channel = grpc.insecure_channel(target)
        own = reflection_pool()
        self.question = message_class(own, "grpc.reflection.v1.ServerReflectionRequest")
        self.answer = message_class(own, "grpc.reflection.v1.ServerReflectionResponse")
        self.pool = descriptor_pool.DescriptorPool()
        self.known: set[str] = set()

    def close(self):
        self.channel.close()

    def reflect(self, **question):
        ask = self.channel.stream_stream(
            f"/{REFLECTION}/ServerReflectionInfo",
            request_serializer=self.question.SerializeToString,
            response_deserializer=self.answer.FromString)
        return next(ask(iter([self.question(**question)]), timeout=60))

    def services(self) -> list[str]:
        listed = self.reflect(list_services="").list_services_response.service
        return sorted(service.name for service in listed)

    def learn(self, symbol: str):
        told = self.reflect(file_containing_symbol=symbol).file_descriptor_response
        files = [descriptor_pb2.FileDescriptorProto.FromString(b)
                 for b in told.file_descriptor_proto]
        while pending := [f for f in files if f.name not in self.known]:
            for file in pending:  # whose imports are there already
                if set(file.dependency) <= self.known:
                    self.pool.Add(file)
                    self.known.add(file.name)

    def call(self, service: str, method: str, request: dict, **metadata) -> list[dict]:
        self.learn(service)
        described = self.pool.FindServiceByName(service).FindMethodByName(method)
        ask = message_class(self.pool, described.input_type.full_name)
        told = message_class(self.pool, described.output_type.full_name)
        proto = descriptor_pb2.MethodDescriptorProto()
        described.CopyToProto(proto)
        kind = self.channel.unary_stream if proto.server_streaming else self.channel.unary_unary
        send = kind(f"/{service}/{method}", request_serializer=ask.SerializeToString,
                    response_deserializer=told.FromString)
        reply = send(json_format.ParseDict(request, ask()), timeout=60,
                     metadata=list(metadata.items()))
        parts = reply if proto.server_streaming else [reply]
        return [json_format.MessageToDict(part, preserving_proto_field_name=True)
                for part in parts]


@unittest.skipIf(MISSING, f"the package {MISSING} is not installed")
class Reflection(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        write_adapter(f"{cls.folder}/one", 0.5)
        cls.server = cls.enterClassContext(
            Server("--grpc-port", "0", "--adapter-dir", cls.folder, "--no-log-requests"))
        cls.client = GenericClient(f"127.0.0.1:{cls.server.announced['grpc_port']}")
        cls.addClassCleanup(cls.client.close)

    def call(self, method: str, request: dict, **metadata) -> list[dict]:
        return self.client.call("hearth.v1.Hearth", method, request, **metadata)

    def test_services_are_told(self):
        self.assertEqual(self.client.services(),
                         ["grpc.health.v1.Health", REFLECTION, "hearth.v1.Hearth"])

    def test_a_chat_and_its_usage(self):
        parts = self.call("Chat", {"messages": [{"role": "user", "content": "37*48=?"}],
                                   "options": {"temperature": 0}})
        self.assertIn("1776", "".join(p.get("content", "") for p in parts))
        self.assertTrue("".join(p.get("reasoning_content", "") for p in parts))
        self.assertGreater(int(parts[-1]["usage"]["completion_tokens"]), 0)

    def test_embeddings_are_https(self):
        told, = self.call("Embed", {"inputs": [{"text": "12+30=?"}, {"text": "7*8=?"}]})
        _, _, reply = self.server.ask("POST", "/v1/embeddings", {"input": ["12+30=?", "7*8=?"]})
        for a, b in zip(told["embeddings"], reply["data"]):
            self.assertAlmostEqual(math.hypot(*a["values"]), 1, delta=1e-5)
            for x, y in zip(a["values"], b["embedding"]):
                self.assertAlmostEqual(x, y, delta=1e-6)

    def test_adapters_come_and_go(self):
        loaded, = self.call("LoadAdapter", {"name": "law", "path": "one"})
        self.assertEqual(loaded["model"], "mini:law")
        names = [m["id"] for m in self.call("ListModels", {})[0]["models"]]
        self.assertEqual(names, ["mini", "mini:law"])
        self.call("UnloadAdapter", {"name": "law"})
        with self.assertRaises(grpc.RpcError) as gone:
            self.call("UnloadAdapter", {"name": "law"})
        self.assertEqual(gone.exception.code(), grpc.StatusCode.NOT_FOUND)

    def test_errors_and_health(self):
        with self.assertRaises(grpc.RpcError) as wrong:
            self.call("Chat", {"messages": [{"role": "wizard", "content": "a"}]})
        self.assertEqual(wrong.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)
        self.assertIn("role", wrong.exception.details())
        health, = self.client.call("grpc.health.v1.Health", "Check", {})
        self.assertEqual(health, {"status": "SERVING"})
        tokens, = self.call("Tokenize", {"prompt": "12+30"})
        self.assertEqual(json.dumps(tokens["tokens"]), json.dumps(
            self.server.ask("POST", "/tokenize", {"prompt": "12+30"})[2]["tokens"]))


if __name__ == "__main__":
    sys.exit(run_script("grpc_client"))
