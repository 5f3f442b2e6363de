#include "clade/core/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "clade/core/words.h"

namespace clade {
namespace {

constexpr auto kShortestPause = std::chrono::milliseconds(100);

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

size_t terminal_width() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

}  // namespace

ProgressLine::ProgressLine()
    : terminal_(::isatty(STDERR_FILENO) == 1), start_(std::chrono::steady_clock::now()) {}

void ProgressLine::show(const std::string& text) {
  if (!terminal_) return;
  const auto now = std::chrono::steady_clock::now();
  if (shown_ && now - last_ < kShortestPause) return;
  last_ = now;
  shown_ = true;
  std::string fitted = one_line(text);
  size_t end = std::min(fitted.size(), terminal_width() - 1);
  const auto goes_on = [&] { return (static_cast<unsigned char>(fitted[end]) & 0xc0) == 0x80; };
  while (end < fitted.size() && end > 0 && goes_on()) --end;  // within a letter of UTF-8
  fitted.resize(end);
  std::fprintf(stderr, "\r\033[K%s", fitted.c_str());
  std::fflush(stderr);
}

void ProgressLine::show(const std::string& what, int64_t done, int64_t total) {
  if (!terminal_) return;
  const double elapsed = seconds_since(start_);
  const double rate = elapsed > 0 ? static_cast<double>(done) / elapsed : 0;
  std::string text = what + " " + std::to_string(done) + "/" + std::to_string(total);
  if (rate > 0) {
    char figure[32];
    std::snprintf(figure, sizeof figure, "%.3g", rate);
    text += "  " + std::string(figure) + "/s  " +
            duration(static_cast<double>(total - done) / rate) + " left";
  }
  show(text);
}

void ProgressLine::clear() {
  if (!shown_) return;
  std::fprintf(stderr, "\r\033[K");
  std::fflush(stderr);
  shown_ = false;
}

std::string duration(double seconds) {
  const auto whole = static_cast<int64_t>(std::llround(seconds));
  if (whole < 60) return std::to_string(whole) + " s";
  const int64_t minutes = (whole + 30) / 60;
  if (minutes < 60) return std::to_string(minutes) + " min";
  const std::string rest = std::to_string(minutes % 60);
  return std::to_string(minutes / 60) + " h " + (rest.size() < 2 ? "0" : "") + rest + " min";
}

}  // namespace clade
