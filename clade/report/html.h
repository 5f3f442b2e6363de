#pragma once
#include <torch/types.h>

#include <string>
#include <string_view>

namespace clade {

// What the pages and tables of this room are written with.

/// `text` as HTML shows it, whatever letters it has.
std::string escape(std::string_view text);

/// "12.3 %", with as many digits as a reader needs.
std::string percent(double share);

/// From <!DOCTYPE> to the page's heading, with styles and a policy under which nothing is fetched.
std::string page_head(const std::string& title);

/// A picture, uint8 [H, W] or [H, W, 3], with `said` for those who cannot see it.
std::string image_tag(const torch::Tensor& image, const std::string& said);

}  // namespace clade
