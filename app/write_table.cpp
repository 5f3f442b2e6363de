#include "app/write_table.h"

#include <iostream>

#include "app/say.h"
#include "clade/core/files.h"

void write_table(const clade::PointTable& table, const std::string& out) {
  if (out == "-") {
    table.write(std::cout);
    return;
  }
  clade::write_atomically(out, [&](std::ostream& file) { table.write(file); });
  say(std::to_string(table.points()) + " points: " + out);
}
