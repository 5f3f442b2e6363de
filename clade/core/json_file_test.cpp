#include "clade/core/json_file.h"

#include <gtest/gtest.h>

#include "clade/core/files.h"

namespace clade {
namespace {

std::string message(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

std::string nested(int depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

TEST(JsonFile, IsReadToADepthThatCanBeCopiedAndWritten) {
  EXPECT_NO_THROW(parse_json(nested(100), "a.json", ""));
  for (const int depth : {102, 1'000'000}) {
    const std::string said = message([&] { parse_json(nested(depth), "a.json", "delete it"); });
    EXPECT_TRUE(said.starts_with("a.json ")) << said;
    EXPECT_TRUE(said.ends_with("; delete it")) << said;
  }
  EXPECT_EQ(message([&] { parse_json("{", "a.json", "delete it"); }),
            "a.json is not JSON; delete it");
}

TEST(JsonFile, AnyTextCanBeWritten) {
  const nlohmann::json value = {{"name", "M\xfcller"}};
  EXPECT_EQ(json_text(value), "{\"name\":\"M\xef\xbf\xbdller\"}");
}

TEST(JsonFile, ErrorsOfTypeNameTheFile) {
  const nlohmann::json value = {{"epoch", "seven"}};
  for (const char* key : {"epoch", "missing"}) {
    const std::string said = message(
        [&] { take_json("run/log.json", "delete it", [&] { value.at(key).get<int64_t>(); }); });
    EXPECT_TRUE(said.starts_with("run/log.json ")) << said;
    EXPECT_TRUE(said.ends_with("; delete it")) << said;
  }
}

}  // namespace
}  // namespace clade
