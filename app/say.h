#pragma once
#include <string>

/// Prints what may quote anything as a line on standard output, at once (see clade::one_line).
void say(const std::string& text);

/// The same on standard error, as "note: TEXT".
void note(const std::string& text);
