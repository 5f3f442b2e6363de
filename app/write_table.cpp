#include "app/write_table.h"

#include <filesystem>
#include <iostream>

#include "app/say.h"
#include "clade/core/error.h"
#include "clade/core/files.h"

void require_csv(const std::string& out) {
  const auto ending = std::filesystem::path(out).extension();
  if (ending.empty() || ending == ".csv" || ending == ".txt") return;
  throw clade::ConfigError("--out is " + out +
                           ", and what is written is CSV; its name must end in .csv");
}

void write_table(const clade::PointTable& table, const std::string& out) {
  if (out == "-") {
    table.write(std::cout);
    return;
  }
  clade::write_atomically(out, [&](std::ostream& file) { table.write(file); });
  say(std::to_string(table.points()) + " points: " + out);
}
