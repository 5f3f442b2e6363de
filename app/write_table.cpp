#include "app/write_table.h"

#include <cstdio>
#include <iostream>

#include "clade/core/files.h"

void write_table(const clade::PointTable& table, const std::string& out) {
  if (out == "-") {
    table.write(std::cout);
    return;
  }
  clade::write_atomically(out, [&](std::ostream& file) { table.write(file); });
  std::printf("%lld points: %s\n", static_cast<long long>(table.points()), out.c_str());
  if (!table.note().empty()) std::printf("%s\n", table.note().c_str());
}
