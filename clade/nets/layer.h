#pragma once
#include <optional>
#include <string>
#include <vector>

#include "clade/ops/convolve.h"

namespace clade {

/// A named input of a network and the size of its last dimension.
struct Parent {
  std::string name;
  int64_t width;
  bool silent_at_first = false;  ///< Its weights start at zero: the child learns to depend on it.
  /// {C, H, W} of a map: its C·H·W numbers are stored pixel by pixel, row after row, the channels
  /// of a pixel side by side, as images are. Empty: numbers without a place.
  std::vector<int64_t> shape = {};
};
using Parents = std::vector<Parent>;

/// A data point x of the shape {H, W} (grey), {H, W, C} or any other as what networks read. This is
/// where maps begin; as they keep the order of the image's numbers, nothing is moved.
Parent data_parent(const std::vector<int64_t>& point_shape);

/// A layer between parents and their child, written as settings write it:
///   500         dense, 500 units
///   64x9x9      dense, whose units are a map: 64 channels of 9 × 9 pixels
///   16c6        a convolution with 16 channels, whose windows are 6 × 6 pixels; at every second
///               pixel: 16c6s2; with one pixel of zeros around the map: 16c6p1; with as many as
///               keep the map's size, or with a stride s divide it by s: 16c6same (the smaller half
///               of them in front)
///   16d6        a transposed convolution, likewise
struct Layer {
  Layer(int64_t units) : width(units) {}  // NOLINT: a dense layer may be written as its width

  /// Throws ConfigError saying how layers are written.
  explicit Layer(const std::string& word);

  int64_t width;                      ///< Units of a dense layer, channels of a convolution.
  std::vector<int64_t> shape = {};    ///< {C, H, W} of a dense layer whose units are a map.
  std::optional<Window> window = {};  ///< Of a convolution.
  bool transposed = false;

  /// As settings write it.
  std::string word() const;

  /// What it makes of the parents, as a parent called `name`. Throws ConfigError if it is a
  /// convolution and no parent is a map, or maps differ in size or are too small.
  Parent output(const std::string& name, const Parents& parents) const;
};

/// The layers of a list of words. Throws ConfigError for a convolution after a dense layer, which
/// gives it no map.
std::vector<Layer> layers_of(const std::vector<std::string>& words);

/// Throws ConfigError if a layer of the setting `key` is a convolution, `why` saying why not:
/// "and z1 is no image".
void require_dense(const std::string& key, const std::vector<std::string>& words,
                   const std::string& why);

/// What leads from latents to x if the layers of `words` lead from x to latents: hidden layers, and
/// the last one, whose child is x. Dense layers are taken as they are, from the parents on; with
/// convolutions the list runs backwards, each convolution transposed, and the map that a dense
/// layer read is made by a dense layer. Throws ConfigError if x is no map where there are
/// convolutions, or if a transposed convolution would not give the size back.
struct Mirror {
  std::vector<std::string> hidden;  // words
  Layer last;
  /// Those of `hidden` after the dense layer that makes the first map: all that is needed if the
  /// parents are such maps already. Without convolutions, all of them.
  std::vector<std::string> of_maps;
};
Mirror mirrored(const std::vector<std::string>& words, const Parent& x);

}  // namespace clade
