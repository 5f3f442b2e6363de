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

TEST(Words, NotesAreJoined) {
  std::string notes;
  for (const char* note : {"", "a", "", "b"}) add_note(note, notes);
  EXPECT_EQ(notes, "a; b");
}

TEST(Words, Quoted) {
  EXPECT_EQ(quoted({}), "");
  EXPECT_EQ(quoted({"a", "b"}, 2), "'a', 'b'");
  EXPECT_EQ(quoted({"a", "b", "c", "d"}, 2), "'a', 'b' and 2 more");
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

TEST(OneLine, NothingQuotedSteersATerminalOrBreaksTheLine) {
  EXPECT_EQ(one_line("a\nb\r\tc"), "a\\nb\\r\\tc");
  EXPECT_EQ(one_line("\x1b[31mred\x7f"), "\\x1b[31mred\\x7f");
  EXPECT_EQ(one_line(std::string_view("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(one_line("\xc2\x9b"
                     "31m"),
            "\\xc2\\x9b31m");  // CSI in one character
  EXPECT_EQ(one_line("a\xe2\x80\xae"
                     "b"),
            "a\\xe2\\x80\\xaeb");                                      // turns the line round
  EXPECT_EQ(one_line("M\xfcller \xe2\x82"), "M\\xfcller \\xe2\\x82");  // Latin-1, and cut short
  for (const char* plain : {"", "µ → 漢字 😀 “so”", "C:\\x1b"}) EXPECT_EQ(one_line(plain), plain);
}

TEST(OneLine, KeepsBothEndsOfALongText) {
  const std::string line = one_line("first " + std::string(20'000'000, 'x') + " last");
  EXPECT_LT(line.size(), 2000U);
  EXPECT_TRUE(line.starts_with("first xxx") && line.ends_with("xxx last")) << line;
  EXPECT_NE(line.find("bytes more"), std::string::npos);
  EXPECT_EQ(one_line(line), line);
  std::string umlauts;
  for (int i = 0; i < 3000; ++i) umlauts += "ü";
  for (const std::string shift : {"", "x"}) EXPECT_TRUE(is_utf8(one_line(shift + umlauts)));
}

TEST(Utf8, KnowsWhatIsNone) {
  for (const char* good : {"", "a", "\xc3\xbc", "\xef\xbf\xbd", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(is_utf8(good)) << good;
  }
  // A stray byte, half a character, longer than need be, a surrogate, beyond Unicode.
  for (const char* bad :
       {"\xfc", "\xc3", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "a\x80"}) {
    EXPECT_FALSE(is_utf8(bad)) << bad;
  }
}

}  // namespace
}  // namespace clade
