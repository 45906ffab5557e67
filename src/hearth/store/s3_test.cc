// What an S3 store says and how it is addressed: read back, and refused in one line where it lies.
#include <gtest/gtest.h>

#include "hearth/store/model_ref.h"
#include "hearth/store/s3_hub.h"
#include "hearth/store/s3_replies.h"
#include "hearth/store/safe_name.h"
#include "hearth/store/selection.h"
#include "hearth/store/xml.h"

namespace hearth::store {
namespace {

const std::string kDigest(64, 'd');

std::string page(const std::string& contents, const std::string& truncated = "false") {
  return fmt::format(
      R"(<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.example/x">)"
      "<Name>b</Name><IsTruncated>{}</IsTruncated>{}</ListBucketResult>",
      truncated, contents);
}

TEST(S3Page, ObjectsAndTheWayOn) {
  const auto out = parse_s3_page(page(
      "<Contents><Key>a&amp;b/&#27169;.json</Key><LastModified>x</LastModified>"
      "<ETag>&quot;0af-3&quot;</ETag><Size>7000000000</Size><Owner><ID>me</ID></Owner></Contents>"
      "<Contents><ETag>bare</ETag><Size>0</Size><Key>c</Key></Contents>"
      "<NextContinuationToken>1/+a==</NextContinuationToken>",
      "true"));
  ASSERT_TRUE(out.has_value()) << out.status().message();
  ASSERT_EQ(out->objects.size(), 2u);
  EXPECT_EQ(out->objects[0].key, "a&b/模.json");
  EXPECT_EQ(out->objects[0].bytes, 7'000'000'000);
  EXPECT_EQ(out->objects[0].etag, "\"0af-3\"");
  EXPECT_EQ(out->objects[1].etag, "\"bare\"");
  EXPECT_EQ(out->next, "1/+a==");
  // Of the last page no way on is taken.
  EXPECT_EQ(parse_s3_page(page("<NextContinuationToken>x</NextContinuationToken>"))->next, "");
}

TEST(S3Page, LiesAreRefusedInOneLine) {
  const std::string key = "<Key>a</Key>", size = "<Size>1</Size>", tag = "<ETag>e</ETag>";
  for (const std::string& text :
       {std::string(),
        std::string("<a/>"),
        std::string("{}"),
        page("<x>"),
        std::string("<ListBucketResultX><IsTruncated>false</IsTruncated></ListBucketResultX>"),
        std::string("<!DOCTYPE a><ListBucketResult/>"),
        std::string("<ListBucketResult/>"),
        page("", "1"),
        page("", "true"),
        page("<Contents/>"),
        page("<Contents>" + key + size + "</Contents>"),
        page("<Contents>" + key + tag + "</Contents>"),
        page("<Contents>" + size + tag + "</Contents>"),
        page("<Contents>" + key + "<Size>-1</Size></Contents>"),
        page("<Contents>" + key + "<Size>1e3</Size></Contents>"),
        page("<Contents>" + key + "<Size>99999999999999999</Size></Contents>"),
        page("<Contents>" + key + "<ETag>a b</ETag></Contents>"),
        page("<Contents>" + key + "<ETag>\"a\"b\"</ETag></Contents>"),
        page("<NextContinuationToken>a b</NextContinuationToken>", "true"),
        page("<Contents><Key>" + std::string(9000, 'k') + "</Key></Contents>"),
        page("<x>" + std::string(9000, 'k') + "</x>")}) {
    const auto out = parse_s3_page(text);
    ASSERT_FALSE(out.has_value()) << text.substr(0, 200);
    EXPECT_EQ(out.status().code(), Code::corrupt);
    EXPECT_EQ(out.status().message().find('\n'), std::string::npos);
  }
}

TEST(Xml, PathsAndTexts) {
  std::string seen;
  const auto note = [&](std::string_view path, std::string_view text) {
    seen += fmt::format("{}={};", path, text);
    return Status::ok();
  };
  EXPECT_TRUE(read_xml("<a>1<b>2</b>3<c/><![CDATA[<]]></a>", note).is_ok());
  EXPECT_EQ(seen, "a/b=2;a/c=;a=13<;");
  const auto stop = [](std::string_view, std::string_view) { return error(Code::invalid, "no"); };
  EXPECT_EQ(read_xml("<a><b/></a>", stop).message(), "no");
  std::string deep;
  for (int i = 0; i < 17; ++i) deep = "<a>" + deep + "</a>";
  EXPECT_EQ(read_xml(deep, note).code(), Code::corrupt);
  EXPECT_TRUE(read_xml(deep.substr(3, deep.size() - 7), note).is_ok());
}

TEST(S3Refusal, ShowsTheCodeAndNothingElse) {
  const std::string body =
      "<Error><Code>SignatureDoesNotMatch</Code><StringToSign>secret</StringToSign></Error>";
  const Status refused = refusal_of_s3(403, body);
  EXPECT_EQ(refused.code(), Code::invalid);
  EXPECT_NE(refused.message().find("SignatureDoesNotMatch"), std::string::npos);
  EXPECT_EQ(refused.message().find("secret"), std::string::npos);
  EXPECT_EQ(refusal_of_s3(404, "").code(), Code::not_found);
  EXPECT_EQ(refusal_of_s3(412, "").code(), Code::corrupt);
  EXPECT_EQ(refusal_of_s3(500, "<html>").code(), Code::internal);
  EXPECT_NE(refusal_of_s3(307, "").message().find("AWS_REGION"), std::string::npos);
  // Of a body that was cut off what it told; no word of more than letters.
  EXPECT_EQ(s3_error_code("<Error><Code>NoSuchKey</Code><Mess"), "NoSuchKey");
  for (const char* text : {"<Error><Code>a b</Code></Error>", "<Code>NoSuchKey</Code>", "", "x"}) {
    EXPECT_EQ(s3_error_code(text), "") << text;
  }
}

TEST(Sha256Sums, AsTheToolWritesThem) {
  const auto out = parse_sha256sums(kDigest + "  a/b.json\n" + kDigest + " *./c d\r\n\n" + kDigest +
                                    "  .gitattributes\n" + kDigest + "  a/b.json");
  ASSERT_TRUE(out.has_value()) << out.status().message();
  EXPECT_EQ(*out, (std::map<std::string, std::string>{{"a/b.json", kDigest}, {"c d", kDigest}}));
  const std::string other(64, 'e');
  for (const std::string& text :
       {std::string("x"), kDigest, kDigest + "  ", kDigest + " a", kDigest + "  ../a",
        kDigest + "  /a", kDigest.substr(1) + "  a", std::string(64, 'D') + "  a",
        "\\" + kDigest + "  a\\nb", kDigest + "  a\n" + other + "  a"}) {
    const auto bad = parse_sha256sums(text);
    ASSERT_FALSE(bad.has_value()) << text;
    EXPECT_EQ(bad.status().code(), Code::corrupt);
  }
}

TEST(ModelRef, OfAnS3Store) {
  const auto ref = parse_model_ref("s3://models/team/r1.7b/");
  ASSERT_TRUE(ref.has_value());
  EXPECT_EQ(ref->hub, HubKind::s3);
  EXPECT_EQ(ref->organisation, "models");
  EXPECT_EQ(ref->repository, "team/r1.7b");
  EXPECT_EQ(ref->place(), "r1.7b");
  EXPECT_EQ(ref->name(), "s3://models/team/r1.7b");
  EXPECT_TRUE(check_relative_path(ref->folder()).is_ok());
  EXPECT_EQ(ref->folder().find('/'), std::string::npos);
  const auto file = parse_model_ref("s3://models/team/x y-Q4_K.gguf");
  ASSERT_TRUE(file.has_value()) << file.status().message();
  EXPECT_EQ(file->text(), "s3://models/team:x y-Q4_K.gguf");
  EXPECT_EQ(*parse_model_ref(file->text()), *file);
  const auto bucket = parse_model_ref("s3://models");
  ASSERT_TRUE(bucket.has_value());
  EXPECT_EQ(bucket->place(), "models");
  EXPECT_EQ(*parse_model_ref("s3://models/x.gguf"), *parse_model_ref("s3://models:x.gguf"));
  for (const char* text : {"s3://", "s3:///a", "s3://a//b", "s3://a/../b", "s3://a/b c",
                           "s3://a/.b", "s3://a/b:", "s3://a/b:c/d", "s3://a/b@c",
                           "s3://a/../x.gguf", "s3://a/b\\x.gguf", "s3://a/b?c"}) {
    EXPECT_FALSE(parse_model_ref(text).has_value()) << text;
  }
}

Hub hub_at(const std::string& endpoint) {
  Hub hub;
  hub.kind = HubKind::s3;
  hub.endpoint = endpoint;
  hub.access.s3 = S3Keys{"us-east-1", "", "", ""};
  return hub;
}

TEST(S3Hub, Addresses) {
  const ModelRef ref = *parse_model_ref("s3://models/team/x");
  EXPECT_EQ(hub_at("https://s3.example:8443").file_url(ref, "", "a b+c/模.json"),
            "https://s3.example:8443/models/team/x/a%20b%2Bc/%E6%A8%A1.json");
  EXPECT_EQ(hub_at("https://{bucket}.s3.example/r").file_url(*parse_model_ref("s3://m"), "", "k"),
            "https://m.s3.example/r/k");
  for (const char* text : {"https://s3.example", "http://10.0.0.1:7480", "https://{bucket}.x.y"}) {
    EXPECT_TRUE(check_hub(hub_at(text)).is_ok()) << text;
  }
  for (const char* text : {"", "s3.example", "https://u:p@s3.example", "https://s3.example/?x",
                           "https://s3.example/", "https://{other}.x", "ftp://s3.example"}) {
    EXPECT_EQ(check_hub(hub_at(text)).code(), Code::invalid) << text;
  }
}

TEST(S3Hub, Keys) {
  Hub hub = hub_at("https://s3.example");
  hub.access.s3 = S3Keys{"us-east-1", "id", "secret", "session"};
  EXPECT_TRUE(check_hub(hub).is_ok());
  for (const S3Keys& keys :
       {S3Keys{"us:east", "id", "secret", ""}, S3Keys{"", "id", "secret", ""},
        S3Keys{"us-east-1", "id", "", ""}, S3Keys{"us-east-1", "", "secret", ""},
        S3Keys{"us-east-1", "id", "sec\r\nret", ""}, S3Keys{"us-east-1", "id", "secret", "a\nb"}}) {
    hub.access.s3 = keys;
    const Status status = check_hub(hub);
    EXPECT_EQ(status.code(), Code::invalid);
    EXPECT_EQ(status.message().find("sec\r"), std::string::npos);
  }
}

TEST(Selection, OfAnS3StoreByETags) {
  RepoListing listing;
  for (const char* path : {"config.json", "model.safetensors", "run.py"}) {
    listing.files.push_back({path, 1, "", "", "\"e\""});
  }
  const ModelRef ref = *parse_model_ref("s3://a/b");
  const auto selected = select_files(listing, ref);
  ASSERT_TRUE(selected.has_value()) << selected.status().message();
  EXPECT_EQ(selected->files.size(), 2u);
  listing.files[0].etag.clear();  // as where SHA256SUMS leaves it out
  EXPECT_EQ(select_files(listing, ref).status().code(), Code::unsupported);
}

}  // namespace
}  // namespace hearth::store
