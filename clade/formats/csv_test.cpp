#include "clade/formats/csv.h"

#include <gtest/gtest.h>

#include <cmath>
#include <optional>

#include "clade/core/error.h"
#include "clade/formats/test_files.h"

namespace clade {
namespace {

using testing::expect_error;
using Rows = std::vector<std::vector<double>>;

/// The numbers of a table, row by row; of a column of words there are none.
Rows rows_of(const Table& table) {
  Rows rows(table.rows.size());
  for (const Column& column : table.columns) {
    for (size_t i = 0; i < column.numbers.size(); ++i) rows[i].push_back(column.numbers[i]);
  }
  return rows;
}

std::vector<std::string> names_of(const Table& table) {
  std::vector<std::string> names;
  for (const Column& column : table.columns) names.push_back(column.written);
  return names;
}

std::string said_of(const Table& table) {
  std::string said;
  for (const std::string& sentence : table.said) said += sentence + "; ";
  return said;
}

bool says(const Table& table, const std::string& what) {
  return said_of(table).find(what) != std::string::npos;
}

void refuse(const std::string& text, std::initializer_list<const char*> parts) {
  expect_error<DataError>([&] { parse_csv(text, "a.csv"); }, parts);
}

TEST(Csv, FindsTheSeparator) {
  const Rows expected = {{1, 2.5}, {-3, 400}};
  for (const std::string text :
       {"1,2.5\n-3,4e2\n", "1,2.5\r\n-3,4e2", "1;2.5\n\n-3;4e2\n", "1\t 2.5\n-3\t+4e2\n",
        "1|2.5\n-3|4e2\n", "1 2.5\n-3 4e2\n", "   1.0   2.5\n  -3.0   4e2  \n", "1 \t2.5\r-3\t4e2",
        "1, 2.5\n-3, 4e2", "sep=;\r\n1;2.5\r\n-3;4e2\r\n"}) {
    const Table table = parse_csv(text, "a.csv");
    EXPECT_EQ(rows_of(table), expected) << text;
    EXPECT_FALSE(table.has_header) << text;
  }
  const Table named = parse_csv("\xef\xbb\xbf\"a, b\",\"c\"\"d\"\n1,\"2.5\"\n-3,4e2\n", "a.csv");
  EXPECT_EQ(rows_of(named), expected);
  EXPECT_EQ(names_of(named), (std::vector<std::string>{"a, b", "c\"d"}));
  EXPECT_EQ(said_of(named), "2 rows of 2 columns separated by commas; ");
  // A word with spaces, a time with a space, and a sentence with commas are cells.
  EXPECT_EQ(parse_csv("5,old town\n6,new town\n", "a").columns[1].words[1], "new town");
  EXPECT_EQ(parse_csv("2020-01-01 10:00,1\n2020-01-02 10:00,2\n", "a").columns.size(), 2);
  EXPECT_EQ(parse_csv("a;b\nx, y, z;1\np, q, r;2\n", "a").columns[0].words[0], "x, y, z");
}

TEST(Csv, ReadsDecimalCommas) {
  for (const std::string text :
       {"a;b\n1,5;2\n-3;4,25e2\n", "a\tb\n1,5\t2\n-3\t4,25e2\n", "a b\n1,5 2\n-3 4,25e2\n",
        "a,b\n\"1,5\",2\n-3,\"4,25e2\"\n", "a|b\n1,5|2\n-3|4,25e2\n"}) {
    const Table table = parse_csv(text, "a");
    EXPECT_EQ(rows_of(table), (Rows{{1.5, 2}, {-3, 425}})) << text;
    EXPECT_TRUE(says(table, "decimal commas")) << text;
  }
  // One number that can only be a fraction decides for the others.
  EXPECT_EQ(rows_of(parse_csv("1,234;0,5\n", "a")), (Rows{{1.234, 0.5}}));
  EXPECT_EQ(rows_of(parse_csv("0,123;5\n", "a")), (Rows{{0.123, 5}}));
  refuse("a;b\n1,234;5\n", {"line 2", "column 'a'", "'1,234'", "without a comma"});
  refuse("a;b\n1,234;5.5\n", {"line 2", "column 'a'", "'1,234'"});
  refuse("a;b\n1,5;5.5\n", {"line 2", "'1,5'", "'5.5'", "one decimal mark"});
  refuse("a;b\n1;2\n1,234.5;5\n", {"line 3", "'1,234.5'", "between thousands"});
  refuse("a,b\n\"1,234,567\",5\n", {"line 2", "'1,234,567'", "between thousands"});
  refuse("1.234.567;5\n", {"line 1", "'1.234.567'", "between thousands"});
  // Twice as many cells as names.
  refuse("a,b\n1,5,2,5\n3,5,4,5\n", {"line 1", "2 columns", "4", "decimal commas"});
  refuse("a\n1,5\n2,5\n", {"line 1", "1 columns", "decimal commas, write points"});
  // Dots between words are no thousands.
  EXPECT_TRUE(parse_csv("ip;n\n192.168.100.200;1\nhost;2\n", "a").columns[0].of_words());
}

TEST(Csv, LeavesOutWhatStandsAroundTheTable) {
  const Rows expected = {{1, 2}, {3, 4}, {5, 6}};
  const auto read = [&](const std::string& text, const char* said) {
    const Table table = parse_csv(text, "a.csv");
    EXPECT_EQ(rows_of(table), expected) << text;
    EXPECT_EQ(names_of(table), (std::vector<std::string>{"a", "b"})) << text;
    EXPECT_TRUE(says(table, said)) << text << said_of(table);
  };
  read("# instrument 7, site Alpha\n# units: mm, mm\na,b\n1,2\n3,4\n5,6\n", "2 comment lines");
  read("a,b\n1,2\n# moved, here\n3,4\n5,6\n", "1 comment line");
  read("% x\n// y\na b\n1 2\n3 4\n5 6\n", "2 comment lines");
  read("# a b\n1 2\n3 4\n5 6\n", "named by the comment in line 1");
  read("#a,b\n1,2\n3,4\n5,6\n", "named by the comment in line 1");
  read("Instrument 7\nDate: 2020-01-01\n\na,b\n1,2\n3,4\n5,6\n", "to line 2");
  read("a,b,\n1,2,\n3,4,\n5,6,\n", "2 columns separated by commas");
  read("a,b,\n1,2\n3,4\n5,6\n", "separators at the end");
  read("a,b\n1,2,\n3,4,\n5,6,\n", "2 columns");
  read("a;b;;\n1;2;;\n3;4;;\n5;6;;\n", "2 columns");
  read("a,b\n1,2\n,\n3,4\n5,6\n,\n,\n", "left out 1 empty row");
  // As spreadsheets write such lines, with cells to the table's width; and names of groups of
  // columns.
  read("Report 2024,\na,b\n1,2\n3,4\n5,6\n", "to line 1");
  read("Report,\n,\nby me,\na,b\n1,2\n3,4\n5,6\n", "to line 3");
  EXPECT_EQ(names_of(parse_csv(",size,,kg\nid,w,h,net\nx,1,2,3\ny,4,5,6\n", "a")),
            (std::vector<std::string>{"id", "w", "h", "net"}));
  EXPECT_EQ(names_of(parse_csv("a,b,\n1,2,3\n3,4,5\n", "a")).size(), 3u);
  EXPECT_EQ(parse_csv("colour,size,\nred,small,yes\nred,large,no\n", "a").rows.size(), 2u);
  // A mark alone is a name, not a comment.
  EXPECT_EQ(names_of(parse_csv("#,a\n1,5\n2,6\n", "a")), (std::vector<std::string>{"#", "a"}));
  const Table gap = parse_csv("a,b\n1,2\n,\n3,4\n,\n", "a");
  EXPECT_EQ(gap.rows, (std::vector<int64_t>{0, 2}));
  EXPECT_EQ(gap.rows_of_file, 3);
  refuse("a,b,c\n1,2\n3,4\n", {"line 1", "3 columns", "2", "name every column"});
  refuse("1,2,3\n1,2\n3,4\n", {"line 1", "3 columns"});
}

TEST(Csv, AMarkBehindAnEmptyCellIsNoComment) {
  const Table table = parse_csv("\t%mito\tgenes\n1\t0.5\t7\n2\t0.25\t9\n\t#ff\t8\n", "a.tsv");
  EXPECT_EQ(table.rows.size(), 3u);
  EXPECT_TRUE(table.has_header);
  EXPECT_EQ(table.columns[1].name, "%mito");
}

TEST(Csv, RowsThatBeginWithACommentsMarkAreNotLost) {
  const Table table = parse_csv("a,b\n1,2\n#N/A,3\n#DIV/0!,4\n# N/A, 5\n5,6\n", "a");
  EXPECT_EQ(table.rows, (std::vector<int64_t>{0, 1, 2, 3}));
  EXPECT_EQ(table.columns[0].missing, 2);
  EXPECT_TRUE(says(table, "1 comment line")) << said_of(table);
  for (const char* text : {"name,a\n#x0,1\n#x1,2\nn2,3\n", "name,a\nn0,1\nn1,NA\n#x2,3\n",
                           "red,1\n%blue,2\ngreen,3\n", "name;size\nx;large\n//y;small\n"}) {
    refuse(text, {"a.csv: line", "comment by its mark and a row by its cells", "in quotes"});
  }
  refuse("a\n#1\n#2\n", {"zero rows below its header but 2 comments", "in quotes"});
  refuse("#1\n#2\n", {"zero rows but 2 comments", "in quotes"});
  // A row taken out, remarks, and names of the columns.
  for (const char* text : {"a,b\n1,2\n#3,4\n5,6\n7,8\n", "name,a\nx,1\n# y, 2\nz,3\nx,4\n",
                           "name,a\nx,1\n#moved,here\nz,3\nx,4\n", "#n,m\nx,p\ny,p\nx,q\n"}) {
    EXPECT_EQ(parse_csv(text, "a").rows.size(), 3u) << text;
  }
}

TEST(Csv, TellsAHeaderFromARow) {
  const auto names = [](const std::string& text) { return names_of(parse_csv(text, "a")); };
  using Names = std::vector<std::string>;
  EXPECT_EQ(names("0,1,label\n5,6,7\n"), (Names{"0", "1", "label"}));
  EXPECT_EQ(names(",0,1\n0,5,6\n1,7,8\n"), (Names{"", "0", "1"}));
  EXPECT_EQ(names("0,1,2,3\n5,6,7,9\n"), (Names{"0", "1", "2", "3"}));
  EXPECT_EQ(names("0,1\n0.5,0.1\n0.3,1.5\n0.2,1e-3\n"), (Names{"0", "1"}));
  EXPECT_EQ(names("name,2001,2002,2003\nx,5,6,8\n"), (Names{"name", "2001", "2002", "2003"}));
  EXPECT_EQ(names("0\n0.5\n-0.3\n1.2e-3\n0.4\n"), (Names{"0"}));
  EXPECT_EQ(names("400,410,420,430\n0.1,0.2,0.2,0.1\n"), (Names{"400", "410", "420", "430"}));
  // Of columns that were dropped or put in another order.
  EXPECT_EQ(names("3,1,0\n0.51,0.12,0.40\n1.51,0.22,2.40\n2.51,0.02,1.40\n"),
            (Names{"3", "1", "0"}));
  EXPECT_EQ(names("0.0,2.0\n0.51,0.12\n1.51,0.22\n2.51,0.02\n"), (Names{"0.0", "2.0"}));
  EXPECT_EQ(names("0;5\n0,5;0,1\n1,5;0,2\n2,5;0,2\n"), (Names{"0", "5"}));
  EXPECT_EQ(names("0,2,kind\n0.5,0.1,a\n1.5,0.2,b\n2.5,0.2,a\n"), (Names{"0", "2", "kind"}));
  EXPECT_EQ(names(",0,2\n0,5,6\n1,7,8\n2,7,7\n"), (Names{"", "0", "2"}));
  EXPECT_EQ(names("0,1,2,5,6,9\n3,0,1,0,2,2\n0,0,1,0,2,5\n1,0,1,3,2,0\n0,4,1,0,0,2\n3,3,1,0,2,2\n"),
            (Names{"0", "1", "2", "5", "6", "9"}));
  for (const char* points :
       {"0,0\n0.5,0.1\n0.3,1.5\n0.2,0.3\n", "1.5,2\n0.52,0.1\n0.35,1.53\n0.25,0.35\n",
        ",2,4\n5,1,3\n6,2,2\n7,1,1\n",
        "0,1,2,5,6,9\n3,4,5,6,7,8\n0,0,1,0,2,5\n1,0,1,3,2,0\n"
        "0,4,1,0,0,2\n3,3,1,0,2,2\n",
        ".1,.2,.3,.5,.6,.9\n.3,0,.1,0,.2,.2\n.1,0,.1,.3,.2,0\n0,.4,.1,0,0,.2\n.3,.3,.1,0,.2,.2\n"
        ".2,.4,.1,0,0,.2\n",
        "NA,NA,3.5\n-0.71,0.34,0.8\n0.56,-2.12,-0.6\n", ",,3.5\n0.5,1.5,2.5\n0.1,0.2,0.3\n",
        "p,x,?\ne,x,s\np,b,s\n", "NA,setosa\n1.5,virginica\n2.5,setosa\n", "1,2,3,4\n4,5,6,7\n",
        "0,1\n1,0\n1,1\n0,0\n", "0,1,1,0\n1,0,0,1\n", "1,2\n0.5,0.5\n",
        "5.1,setosa\n6.2,virginica\n", "True,no\nFalse,yes\n", "NA,NA\n1,2\n", "5,x,7\n1,2,3\n",
        "0,5;1\n1,5;2\n"}) {
    EXPECT_FALSE(parse_csv(points, "a").has_header) << points;
  }
  EXPECT_EQ(names("p,x\ne,x\np,b\n"), (Names{"", ""}));
  EXPECT_EQ(names("kind,x\ne,x\np,b\n"), (Names{"kind", "x"}));
  EXPECT_EQ(names("kind,x\na,1\nkind,x\nb,2\n"), (Names{"kind", "x"}));  // of two files in one
  EXPECT_TRUE(
      says(parse_csv("kind,x\ne,x\np,b\n", "a"), "line 1 (kind, x) is taken for the names"));
  EXPECT_FALSE(says(parse_csv("kind,x\ne,1\np,2\n", "a"), "is taken for"));
  EXPECT_FALSE(says(parse_csv("x;y\n1,5;2,5\n2,5;0,5\n", "a"), "is taken for"));
  EXPECT_TRUE(says(parse_csv("0,1\n1,0\n1,1\n", "a"), "taken for a point"));
  EXPECT_TRUE(says(parse_csv("0,1,2,3\n5,6,7,9\n", "a"), "(0, 1, …) is taken for the names"));
  // The names a trained model knows.
  CsvReading reading;
  reading.expected = {"0", "1"};
  EXPECT_TRUE(parse_csv("1,0\n5,6\n", "a", reading).has_header);
  EXPECT_FALSE(parse_csv("1,2\n5,6\n", "a", reading).has_header);
  reading.header = Header::kNo;
  EXPECT_FALSE(parse_csv("1,0\n5,6\n", "a", reading).has_header);
}

TEST(Csv, PointsBetweenThousandsAreNoFractions) {
  const auto read = [](const std::string& text) { return parse_csv(text, "a"); };
  expect_error<DataError>([&] { read("turnover;n\n4.194;7\n366;9\n4.103;5\n372;3\n"); },
                          {"line 2, column 'turnover' is '4.194'", "a thousand or a fraction"});
  // Fractions, by what else there is, or by what separates.
  for (const char* text : {"a;n\n4.194;7\n366.5;9\n4.103;5\n372;3\n",
                           "a;n\n0.194;7\n366;9\n4.103;5\n", "a;n\n4.194;7\n1366;9\n4.103;5\n",
                           "a;n\n4.194;7\n3.661;9\n4.103;5\n", "a,n\n4.194,7\n366,9\n4.103,5\n"}) {
    EXPECT_EQ(read(text).columns.size(), 2u) << text;
  }
}

TEST(Csv, NumbersFarAboveTheirColumnsAreAHeader) {
  const auto table = [](const std::string& first, const std::string& before,
                        const std::string& behind) {
    std::string text = first + "\n";
    for (int i = 0; i < 8; ++i) {
      const std::string tenth = std::to_string(i * 3 % 8);
      text += before + "-0." + tenth + ",1." + tenth + ",0.0" + tenth + behind + "\n";
    }
    return parse_csv(text, "a");
  };
  using Names = std::vector<std::string>;
  for (const char* first : {"400.5,401.5,402.5", "100.0832,101.0911,150.2231", "450,512,600",
                            "\"400.5\",\"401.25\",\"408.5\""}) {
    EXPECT_TRUE(table(first, "", "").has_header) << first;
    EXPECT_EQ(table(first, "", "").rows.size(), 8) << first;
    EXPECT_EQ(names_of(table(std::string(first) + ",kind", "", ",x"))[3], "kind") << first;
    EXPECT_EQ(names_of(table("sample," + std::string(first), "s,", ""))[0], "sample") << first;
    EXPECT_EQ(names_of(table("," + std::string(first), "7,", "")).size(), 4) << first;
  }
  EXPECT_EQ(names_of(parse_csv("400,5;401,7;403,5\n0,1;0,2;0,3\n0,2;0,1;0,3\n0,1;0,1;0,1\n"
                               "0,2;0,2;0,3\n0,2;0,1;0,4\n",
                               "a")),
            (Names{"400,5", "401,7", "403,5"}));
  // A large first point, falling numbers, one that stands among its column.
  for (const char* first : {"400.5,300.5,500.5", "403.5,402.5,401.5", "400.5,401.5,0.05"}) {
    EXPECT_FALSE(table(first, "", "").has_header) << first;
  }
  // Equal steps are enough where many columns are.
  EXPECT_TRUE(parse_csv("0.1,0.2,0.3,0.4\n0.5,0.1,0.2,0.9\n", "a").has_header);
  EXPECT_FALSE(parse_csv("0.1,0.2,0.3,0.4\n0.5,0.6,0.7,0.8\n", "a").has_header);
}

TEST(Csv, AHeaderOfNoNamesIsLeftOut) {
  const Table table = parse_csv(",,\n1,2,3\n4,5,6\n", "a");
  EXPECT_EQ(rows_of(table), (Rows{{1, 2, 3}, {4, 5, 6}}));
  EXPECT_FALSE(table.has_header);
}

TEST(Csv, ReadsBlanksAndMinusSignsOfWordProcessors) {
  const Table table = parse_csv(
      "a,b\n\xc2\xa0\x31.5,\xe2\x88\x92\x32\n3\xe2\x80\xaf,\"\xe2\x88\x92.5\xc2\xa0\"\n", "a");
  EXPECT_EQ(rows_of(table), (Rows{{1.5, -2}, {3, -0.5}}));
  EXPECT_EQ(table.lines, (std::vector<size_t>{2, 3}));
  EXPECT_EQ(parse_csv("a,b\n1,\xe2\x88\x92x\n", "a").columns[1].words[0], "\xe2\x88\x92x");
}

TEST(Csv, TrimsCellsInQuotes) {
  const Table table = parse_csv("\"a \",kind\n\"    3.5\",x\n4,\"x \"\n", "a");
  EXPECT_EQ(names_of(table), (std::vector<std::string>{"a", "kind"}));
  EXPECT_EQ(rows_of(table), (Rows{{3.5}, {4}}));
  EXPECT_EQ(table.columns[1].words, (std::vector<std::string>{"x", "x"}));
}

TEST(Csv, ReadsAHeaderOneShort) {
  for (const char* text : {"\"a\" \"b\"\n\"1\" 5.5 6\n\"2\" 7 8\n", "a,b\nx,5.5,6\ny,7,8\n",
                           "a\tb\n17\t5.5\t6\n4\t7\t8\n"}) {
    EXPECT_EQ(names_of(parse_csv(text, "a")), (std::vector<std::string>{"", "a", "b"})) << text;
  }
  refuse("a,b\n1.5,5.5,6\n2.5,7,8\n", {"line 1", "2 columns", "3", "name every column"});
}

TEST(Csv, ReadsTruthsAndMissingCells) {
  const Table table = parse_csv("a,b,c\nTrue,yes,1\nFALSE,No,NA\n,yes,?\n", "a");
  EXPECT_EQ(table.columns[0].numbers[0], 1);
  EXPECT_EQ(table.columns[0].numbers[1], 0);
  EXPECT_TRUE(std::isnan(table.columns[0].numbers[2]));
  EXPECT_EQ(table.columns[0].first_missing.line, 4);
  EXPECT_EQ(table.columns[1].numbers, (std::vector<double>{1, 0, 1}));
  EXPECT_TRUE(says(table, "column 'a': true is 1")) << said_of(table);
  EXPECT_TRUE(says(table, "column 'b': yes is 1")) << said_of(table);
  EXPECT_EQ(table.columns[2].missing, 2);
  EXPECT_EQ(table.columns[2].first_missing.text, "NA");
  for (const char* mark :
       {"", "NA", "n/a", "nan", "NULL", "None", "?", "-", ".", "#N/A", "inf", "-inf", "1e999"}) {
    EXPECT_EQ(parse_csv(std::string("a,b\n1,2\n3,") + mark + "\n", "a").columns[1].missing, 1)
        << mark;
  }
  EXPECT_TRUE(parse_csv("a,b\nyes,1\ntrue,2\n", "a").columns[0].of_words());
  EXPECT_TRUE(parse_csv("a,b\nyes,1\n1,2\n", "a").columns[0].of_words());
}

TEST(Csv, ReadsNumbersAsDoubles) {
  EXPECT_EQ(rows_of(parse_csv("1700000000.25,0.1\n", "a")), (Rows{{1700000000.25, 0.1}}));
  EXPECT_EQ(rows_of(parse_csv("1e39,\"-2\"\n", "a")), (Rows{{1e39, -2}}));
}

TEST(Csv, ConvertsTextToUtf8) {
  const auto first_name = [](const std::string& bytes) {
    return parse_csv(bytes, "a").columns[0].name;
  };
  EXPECT_EQ(first_name("K\xfcrze,b\n1,2\n"), "K\xc3\xbcrze");
  EXPECT_TRUE(says(parse_csv("K\xfcrze,b\n1,2\n", "a"), "Windows-1252"));
  EXPECT_EQ(first_name("K\xc3\xbcrze,b\n1,2\n"), "K\xc3\xbcrze");
  std::string little("\xff\xfe", 2), big("\xfe\xff", 2);
  for (const char c : std::string("a,b\n1,2\n")) {
    little += {c, '\0'};
    big += {'\0', c};
  }
  for (const std::string& bytes : {little, big, little.substr(2), big.substr(2)}) {
    EXPECT_EQ(first_name(bytes), "a");
    EXPECT_EQ(rows_of(parse_csv(bytes, "a")), (Rows{{1, 2}}));
    EXPECT_TRUE(says(parse_csv(bytes, "a"), "UTF-16"));
  }
  refuse(little.substr(0, little.size() - 1), {"a.csv", "not plain text", "UTF-8"});
  refuse("a\x81,b\n1,2\n", {"a.csv", "UTF-8"});  // 81 is no character of Windows-1252.
  refuse(std::string("a\0b", 3), {"a.csv", "UTF-8"});
}

TEST(Csv, KeepsColumnsAsTheyAreWritten) {
  CsvReading reading;
  reading.as_written = {"code", "3"};
  reading.leave_out = {"b"};
  const Table table = parse_csv("code,b,c,d\n007,x,1.0,5\n", "a", reading);
  EXPECT_EQ(table.columns[0].words, (std::vector<std::string>{"007"}));
  EXPECT_TRUE(table.columns[1].words.empty() && table.columns[1].numbers.empty());
  EXPECT_EQ(table.columns[2].words, (std::vector<std::string>{"1.0"}));
  EXPECT_EQ(table.columns[3].numbers, (std::vector<double>{5}));
}

TEST(Csv, OnlyColumnsThatAreReadSayHowNumbersAreWritten) {
  CsvReading reading;
  reading.expected = {"a", "b"};
  for (const char* text :
       {"a,b,price\n3.5,4,\"1,234,567\"\n5,6,\"1,234,567\"\n",
        "price,b,a\n\"0,5\",4,3.5\n\"0,5\",6,5\n", "a;b;when\n3.5;4;2\n5;6;1.234\n5;6;1.234\n",
        "a;b;n\n3,5;4;2.5\n5,0;6;2.5\n"}) {
    const Table table = parse_csv(text, "a", reading);
    EXPECT_EQ(table.columns[find_column(table, "a", "a", "")].numbers[0], 3.5) << text;
    EXPECT_THROW(parse_csv(text, "a"), DataError) << text;
  }
}

TEST(Csv, FindsColumnsByNameOrNumber) {
  const Table table = parse_csv("a,kind,5,b,b\n1,2,3,4,5\n", "a.csv");
  EXPECT_EQ(find_column(table, "kind", "a.csv", ""), 1);
  EXPECT_EQ(find_column(table, "5", "a.csv", ""), 2);
  EXPECT_EQ(find_column(table, "4", "a.csv", ""), 3);
  const auto find = [&](const char* name) {
    return [&table, name] { find_column(table, name, "a.csv", " for labels"); };
  };
  expect_error<DataError>(find("kinds"), {"a.csv", "'kinds' for labels", "did you mean kind"});
  expect_error<DataError>(find("6"), {"a.csv", "5 columns"});
  expect_error<DataError>(find("b"), {"a.csv", "2 columns 'b'", "number"});
  expect_error<DataError>([] { find_column(parse_csv("1,2\n", "a.csv"), "x", "a.csv", ""); },
                          {"header line"});
}

TEST(Csv, GivesEachColumnANameOfItsOwn) {
  std::vector<std::string> names, written;
  for (const Column& column : parse_csv("b,,b,b.1,b,\n1,2,3,4,5,6\n", "a.csv").columns) {
    names.push_back(column.name);
    written.push_back(column.written);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"b", "unnamed", "b.2", "b.1", "b.3", "unnamed.1"}));
  EXPECT_EQ(written, (std::vector<std::string>{"b", "", "b", "b.1", "b", ""}));
}

TEST(Csv, NamesTheLineOfWhatIsWrong) {
  refuse("a,b\n1,2\n3\n", {"a.csv", "line 3", "1 columns", "2"});
  refuse("a,b\n1,2\n3,4,5\n", {"a.csv", "line 3", "3 columns"});
  refuse("a,b\n1,2\n3,4,5\n6\n7,8\n9,1\n", {"line 3", "2 such lines"});
  refuse("a,b\n1,2\n3,4\n\nExported today\n", {"line 5", "'Exported today'", "remove line 5"});
  refuse("a,b\n1,2\n3,4\nSum: 4\nEnd\n", {"2 such lines", "remove line 4 and what is below"});
  refuse("a,b\n1,2\n3,4\nword\n5,6\n", {"line 4", "complete the row"});
  refuse("a,b\n\n\n1,\"2\n", {"a.csv", "line 4", "quote"});
  refuse("a,b\n1,\"2\"3\n", {"a.csv", "line 2", "quote"});
  refuse("a,b\n", {"a.csv", "zero rows"});
  refuse("\n\n", {"a.csv", "zero rows"});
  refuse("# nothing\n", {"a.csv", "zero rows"});
}

TEST(Csv, RowsThatHoldNothingAreNoTable) {
  // Found by the fuzzer: the one row with cells in it has more of them than most.
  EXPECT_THROW(parse_csv("\n,\n,\n\n,bx,7+", "a.csv", {}), DataError);
}

}  // namespace
}  // namespace clade
