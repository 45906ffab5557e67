#!/usr/bin/env python3
"""`hearth pull s3://...` from an S3 server of others, moto of the Python package index, which checks
signatures by code of its own; objects come there by Amazon's client, one in several parts.
Usage: tests/s3_moto_test.py BINARY REPO. Skipped where moto is not installed; `make client-test`
brings it into a virtual environment."""

import importlib.util
import logging
import os
import pathlib
import random
import sys
import unittest
import urllib.request

from command import as_json
from hub_server import sha256
from recorded import run_script
from store_place import StoreTest, mini_files

HERE = all(importlib.util.find_spec(name) for name in ("moto", "boto3", "flask", "flask_cors"))
if HERE:
    import boto3
    from moto.server import ThreadedMotoServer
    logging.getLogger("werkzeug").setLevel(logging.ERROR)

REGION = "us-east-1"
REF = "s3://models/team/mini"
PULL = ("pull", REF, "--accept-licence", "--retries", "0")
PART = 5 << 20  # the smallest that S3 takes


@unittest.skipUnless(HERE, "moto with its server is not installed")
class Moto(StoreTest):
    def setUp(self):
        super().setUp()
        self.moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self.moto.start()
        self.addCleanup(self.moto.stop)
        self.url = "http://{}:{}".format(*self.moto.get_host_and_port())
        self.tell_moto("reset-auth", b"inf")  # nobody is asked who he is, until check_signatures
        self.tell_moto("reset", b"")
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            del os.environ[name]
        os.environ |= {"AWS_ENDPOINT_URL": self.url, "AWS_REGION": REGION}
        self.client = self.of_amazon("s3", "nobody", "nothing")
        self.client.create_bucket(Bucket="models")
        mini = mini_files()
        listed = "".join(f"{sha256(data)}  {path}\n" for path, data in mini.items())
        for path, data in (mini | {"SHA256SUMS": listed.encode()}).items():
            self.client.put_object(Bucket="models", Key=f"team/mini/{path}", Body=data)
        iam = self.of_amazon("iam", "nobody", "nothing")
        iam.create_user(UserName="reader")
        policy = ('{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Resource":"*",'
                  '"Action":["s3:GetObject","s3:ListBucket"]}]}')
        iam.put_user_policy(UserName="reader", PolicyName="read", PolicyDocument=policy)
        self.key = iam.create_access_key(UserName="reader")["AccessKey"]
        os.environ |= {"AWS_ACCESS_KEY_ID": self.key["AccessKeyId"],
                       "AWS_SECRET_ACCESS_KEY": self.key["SecretAccessKey"]}

    def of_amazon(self, service: str, key: str, secret: str):
        return boto3.client(service, endpoint_url=self.url, region_name=REGION,
                            aws_access_key_id=key, aws_secret_access_key=secret)

    def tell_moto(self, what: str, data: bytes):
        request = urllib.request.Request(f"{self.url}/moto-api/{what}", data=data, method="POST",
                                         headers={"Content-Type": "text/plain"})
        urllib.request.urlopen(request, timeout=60).close()

    def check_signatures(self):
        """From here on moto takes requests of its users alone."""
        self.tell_moto("reset-auth", b"0")
        own = self.of_amazon("s3", self.key["AccessKeyId"], self.key["SecretAccessKey"])
        try:
            own.list_objects_v2(Bucket="models", Prefix="team/mini/")
        except boto3.exceptions.botocore.exceptions.ClientError as refusal:
            self.skipTest(f"this moto refuses Amazon's own client, too: {refusal}")

    def test_pull(self):
        self.check_signatures()
        out = as_json(*PULL)
        self.assertEqual(out["source"], REF)
        self.assertEqual(self.answer(REF), "=56025")
        self.assertTrue(as_json("verify", REF)["ok"])

    def test_wrong_keys(self):
        self.check_signatures()
        os.environ["AWS_SECRET_ACCESS_KEY"] = "w" * 40
        self.refused("HTTP 403", "SignatureDoesNotMatch", args=PULL)
        os.environ["AWS_ACCESS_KEY_ID"] = "AKIANOBODY0000000000"
        self.refused("HTTP 403", "InvalidAccessKeyId", args=PULL)

    def test_a_missing_bucket(self):
        self.refused("HTTP 404", "NoSuchBucket", args=("pull", "s3://none/x", "--accept-licence"))

    def test_an_object_in_parts(self):
        """Its ETag is no checksum; ranges of it come over several connections, signed."""
        data = random.Random(3).randbytes(6 * PART + 77)
        key = "big/x y+z=1.gguf"
        upload = self.client.create_multipart_upload(Bucket="models", Key=key)["UploadId"]
        parts = []
        for number in range(1, 8):
            part = data[(number - 1) * PART : number * PART]
            tag = self.client.upload_part(Bucket="models", Key=key, UploadId=upload,
                                          PartNumber=number, Body=part)["ETag"]
            parts.append({"ETag": tag, "PartNumber": number})
        self.client.complete_multipart_upload(Bucket="models", Key=key, UploadId=upload,
                                              MultipartUpload={"Parts": parts})
        self.check_signatures()
        out = as_json("pull", "s3://models/big", "--accept-licence", "--retries", "0")
        self.assertEqual(pathlib.Path(out["path"]).read_bytes(), data)
        self.assertEqual(out["sha256"], sha256(data))

    def test_pages(self):
        os.environ["MOTO_S3_DEFAULT_MAX_KEYS"] = "10"
        for i in range(25):
            self.client.put_object(Bucket="models", Key=f"many/{i}.json", Body=b"{}")
        self.client.put_object(Bucket="models", Key="many/z.gguf", Body=b"GGUF")
        page = self.client.list_objects_v2(Bucket="models", Prefix="many/")
        self.assertTrue(page["IsTruncated"])
        self.check_signatures()
        out = as_json("pull", "s3://models/many", "--accept-licence")
        self.assertTrue(out["path"].endswith("z.gguf"))  # on the last of three pages


if __name__ == "__main__":
    sys.exit(run_script("s3_moto"))
