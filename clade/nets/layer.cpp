#include "clade/nets/layer.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <regex>

#include "clade/core/error.h"

namespace clade {
namespace {

[[noreturn]] void refuse(const std::string& word, const std::string& why) {
  throw ConfigError("model.layers: " + word + " " + why);
}

std::string pixels(const std::vector<int64_t>& shape) {  // {C, H, W}
  return std::to_string(shape[1]) + "×" + std::to_string(shape[2]);
}

// The maps that a convolution reads, of which there must be one, all of one size.
const Parent& map_among(const Parents& parents, const Layer& layer) {
  const auto is_map = [](const Parent& parent) { return !parent.shape.empty(); };
  const auto first = std::find_if(parents.begin(), parents.end(), is_map);
  if (first == parents.end()) {
    refuse(layer.word(), "is a convolution and needs images, but " + parents.front().name +
                             " is a row of " + std::to_string(parents.front().width) +
                             " numbers: use dense layers, such as model.layers=[500, 500]");
  }
  for (const Parent& parent : parents) {
    if (is_map(parent) && pixels(parent.shape) != pixels(first->shape)) {
      refuse(layer.word(), "reads maps of one size, but " + first->name + " is " +
                               pixels(first->shape) + " and " + parent.name + " " +
                               pixels(parent.shape));
    }
  }
  return *first;
}

Layer transposed_to(int64_t channels, const Layer& convolution) {
  Layer layer(channels);
  layer.window = convolution.window;
  layer.transposed = true;
  return layer;
}

}  // namespace

Parent data_parent(const std::vector<int64_t>& point_shape) {
  const int64_t width =
      std::accumulate(point_shape.begin(), point_shape.end(), int64_t{1}, std::multiplies<>());
  Parent x{"x", width};
  if (point_shape.size() == 2) x.shape = {1, point_shape[0], point_shape[1]};
  if (point_shape.size() == 3) x.shape = {point_shape[2], point_shape[0], point_shape[1]};
  return x;
}

Layer::Layer(const std::string& word) : width(0) {
  // Six digits: far beyond any layer, and products of three stay within 64 bits.
  static const std::regex dense("(\\d{1,6})(?:x(\\d{1,6})x(\\d{1,6}))?");
  static const std::regex convolution(
      "(\\d{1,6})([cd])(\\d{1,6})(?:s(\\d{1,6}))?(?:p(\\d{1,6})|(same))?");
  std::smatch part;
  const auto number = [&](size_t i, int64_t otherwise) {
    return part[i].matched ? std::stoll(part[i].str()) : otherwise;
  };
  bool sound = false;
  if (std::regex_match(word, part, dense)) {
    width = number(1, 0);
    if (part[2].matched) {
      shape = {width, number(2, 0), number(3, 0)};
      width *= shape[1] * shape[2];
    }
    sound = width > 0;
  } else if (std::regex_match(word, part, convolution)) {
    width = number(1, 0);
    transposed = part[2] == "d";
    window = Window{number(3, 0), number(4, 1), number(5, 0), number(5, 0)};
    sound = width > 0 && window->size > 0 && window->stride > 0 && window->before < window->size;
    if (part[6].matched) {
      const int64_t zeros = window->size - window->stride;
      window->before = zeros / 2;
      window->after = zeros - window->before;
      sound = sound && zeros >= 0;
    }
  }
  if (!sound) {
    refuse("\"" + word + "\"",
           "is no layer: write 500 (dense units), 16c6 (channels, c, pixels of a window), "
           "64c4s2p1 (with stride and padding) or 64d4s2p1 (transposed)");
  }
}

std::string Layer::word() const {
  if (!window) {
    if (shape.empty()) return std::to_string(width);
    return std::to_string(shape[0]) + "x" + std::to_string(shape[1]) + "x" +
           std::to_string(shape[2]);
  }
  std::string text =
      std::to_string(width) + (transposed ? "d" : "c") + std::to_string(window->size);
  if (window->stride != 1) text += "s" + std::to_string(window->stride);
  if (window->before != window->after) return text + "same";
  if (window->before != 0) text += "p" + std::to_string(window->before);
  return text;
}

Parent Layer::output(const std::string& name, const Parents& parents) const {
  if (!window) return {name, width, false, shape};
  const Parent& map = map_among(parents, *this);
  std::vector<int64_t> size = {width};
  for (const size_t d : {1, 2}) {
    const int64_t in = map.shape[d];
    size.push_back(transposed ? window->back(in) : window->places(in));
    if (size.back() < 1) {
      refuse(word(), "does not fit into maps of " + pixels(map.shape) + ", which " + map.name +
                         " is: take a smaller window or fewer layers");
    }
  }
  return {name, width * size[1] * size[2], false, size};
}

std::vector<Layer> layers_of(const std::vector<std::string>& words) {
  std::vector<Layer> layers;
  for (const std::string& word : words) {
    const Layer layer(word);
    if (layer.window && !layers.empty() && !layers.back().window && layers.back().shape.empty()) {
      refuse(word, "stands after " + layers.back().word() +
                       ", a dense layer, which makes no map: put convolutions before it");
    }
    layers.push_back(layer);
  }
  return layers;
}

void require_dense(const std::string& key, const std::vector<std::string>& words,
                   const std::string& why) {
  for (const Layer& layer : layers_of(words)) {
    if (!layer.window) continue;
    throw ConfigError(key + ": " + layer.word() + " is a convolution, " + why +
                      "; use dense layers, such as " + key + "=[500, 500]");
  }
}

Mirror mirrored(const std::vector<std::string>& words, const Parent& x) {
  const auto layers = layers_of(words);
  const auto is_dense = [](const Layer& layer) { return !layer.window; };
  const auto first_dense = std::find_if(layers.begin(), layers.end(), is_dense);
  if (first_dense == layers.begin()) return {words, x.width, words};

  // maps[i]: what convolution i reads; the last: what they make.
  std::vector<Parent> maps = {x};
  for (auto layer = layers.begin(); layer != first_dense; ++layer) {
    if (layer->transposed) refuse(layer->word(), "has no mirror image: use convolutions, 16c6");
    const Parent map = layer->output("map", {maps.back()});
    for (const size_t d : {1, 2}) {
      if (layer->window->back(map.shape[d]) == maps.back().shape[d]) continue;
      refuse(layer->word(), "takes maps of " + pixels(maps.back().shape) + " to " +
                                pixels(map.shape) +
                                ", from which no transposed convolution leads back: choose "
                                "window, stride and padding so that no pixel is left over");
    }
    maps.push_back(map);
  }
  std::vector<std::string> hidden(words.rbegin(), words.rend() - (first_dense - layers.begin()));
  Layer map(maps.back().width);
  map.shape = maps.back().shape;
  hidden.push_back(map.word());
  std::vector<std::string> of_maps;
  for (size_t i = maps.size() - 1; i-- > 1;) {
    of_maps.push_back(transposed_to(maps[i].shape[0], layers[i]).word());
  }
  hidden.insert(hidden.end(), of_maps.begin(), of_maps.end());
  return {hidden, transposed_to(x.shape[0], layers[0]), of_maps};
}

}  // namespace clade
