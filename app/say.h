#pragma once
#include <string>
#include <vector>

/// Prints what may quote anything as a line on standard output, at once (see clade::one_line).
void say(const std::string& text);

/// The same on standard error, as "note: TEXT".
void note(const std::string& text);

/// Each of them as a note.
void notes(const std::vector<std::string>& texts);
