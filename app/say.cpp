#include "app/say.h"

#include <cstdio>

#include "clade/core/words.h"

void say(const std::string& text) {
  std::printf("%s\n", clade::one_line(text).c_str());
  std::fflush(stdout);
}

void note(const std::string& text) {
  std::fprintf(stderr, "note: %s\n", clade::one_line(text).c_str());
}

void notes(const std::vector<std::string>& texts) {
  for (const std::string& text : texts) note(text);
}
