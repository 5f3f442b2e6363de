#include "clade/core/words.h"

#include <gtest/gtest.h>

namespace clade {
namespace {

TEST(Words, NearestByEditDistance) {
  const std::vector<std::string> keys = {"batch_size", "clusters", "epochs"};
  EXPECT_EQ(nearest("clustrs", keys), "clusters");
  EXPECT_EQ(nearest("cluster", keys), "clusters");
  EXPECT_EQ(nearest("batchsize", keys), "batch_size");
  EXPECT_EQ(nearest("epoch", keys), "epochs");
  EXPECT_EQ(nearest("epochs", {"epoch", "epochs"}), "epochs");
}

TEST(Words, NothingNearIsNothing) {
  EXPECT_EQ(nearest("temperature", {"clusters", "seed"}), "");
  EXPECT_EQ(nearest("x", {"y", "z1"}), "");  // as far as two words of their length can be
  EXPECT_EQ(nearest("", {"k"}), "");
  EXPECT_EQ(nearest("seed", {}), "");
}

TEST(Words, Suggestions) {
  EXPECT_EQ(suggest("sed", {"device", "seed"}), "did you mean seed?");
  EXPECT_EQ(suggest("temperature", {"device", "seed"}), "known: device or seed");
  EXPECT_EQ(suggest("temperature", {}), "remove it");
}

TEST(Words, TrimmedOfBlanksAndTabs) {
  EXPECT_EQ(trimmed(" \t a b\t "), "a b");
  EXPECT_EQ(trimmed(" \t"), "");
  EXPECT_EQ(trimmed("a\n"), "a\n");
}

TEST(Words, CsvTextIsQuotedIfItMustBe) {
  EXPECT_EQ(csv_text("plain, not"), "\"plain, not\"");
  EXPECT_EQ(csv_text("a b"), "a b");
  EXPECT_EQ(csv_text(" a"), "\" a\"");
  EXPECT_EQ(csv_text("say \"a\""), "\"say \"\"a\"\"\"");
  EXPECT_EQ(csv_text("two\nlines"), "\"two\nlines\"");
  EXPECT_EQ(csv_text("1;2"), "\"1;2\"");
}

TEST(Words, OneOf) {
  EXPECT_EQ(one_of({"a"}), "a");
  EXPECT_EQ(one_of({"a", "b"}), "a or b");
  EXPECT_EQ(one_of({"a", "b", "c"}), "a, b or c");
  std::vector<std::string> many = {"a", "b", "c"};
  many.resize(30, "d");
  EXPECT_EQ(one_of(many).find("more"), std::string::npos);
  many.push_back("d");
  EXPECT_EQ(one_of(many), "a, b, c or one of 28 more");
}

}  // namespace
}  // namespace clade
