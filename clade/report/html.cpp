#include "clade/report/html.h"

#include <torch/torch.h>

#include <cstdio>

#include "clade/formats/png.h"
#include "clade/report/embedded.h"

namespace clade {
namespace {

std::string base64(std::string_view bytes) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string result;
  result.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j) {
      group = group << 8 | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0u);
    }
    for (size_t j = 0; j < 4; ++j) {
      result += i + j <= bytes.size() ? digits[group >> (18 - 6 * j) & 63] : '=';
    }
  }
  return result;
}

}  // namespace

std::string escape(std::string_view text) {
  std::string result;
  for (const char letter : text) {
    switch (letter) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&#39;";
        break;
      default:
        result += letter;
    }
  }
  return result;
}

std::string percent(double share) {
  char text[32];
  const double value = 100 * share;
  std::snprintf(text, sizeof text, value >= 99.95 || value == 0 ? "%.0f %%" : "%.1f %%", value);
  return text;
}

std::string page_head(const std::string& title) {
  return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
         "<meta name=\"color-scheme\" content=\"light dark\">\n"
         "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
         "img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n<title>" +
         escape(title) + "</title>\n<style>\n" + std::string(embedded::page_css) +
         "</style>\n</head>\n<body>\n<main>\n<header>\n<h1>" + escape(title) + "</h1>\n";
}

std::string image_tag(const torch::Tensor& image, const std::string& said) {
  return "<img src=\"data:image/png;base64," + base64(encode_png(image)) + "\" width=\"" +
         std::to_string(image.size(1)) + "\" height=\"" + std::to_string(image.size(0)) +
         "\" alt=\"" + escape(said) + "\" title=\"" + escape(said) + "\">";
}

}  // namespace clade
