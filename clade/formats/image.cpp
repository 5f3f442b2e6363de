#include "clade/formats/image.h"

#include "clade/core/error.h"
#include "clade/formats/foreign.h"
#include "clade/formats/jpeg.h"
#include "clade/formats/png.h"

namespace clade {

DecodedImage decode_image(std::string_view bytes, const std::string& where) {
  if (is_png(bytes)) return decode_png(bytes, where);
  if (is_jpeg(bytes)) return decode_jpeg(bytes, where);
  if (const auto foreign = foreign_format(bytes.substr(0, 4096))) {
    throw DataError(where + " is " + *foreign);
  }
  throw DataError(where + (bytes.empty() ? " is empty (0 bytes)" : " is neither PNG nor JPEG") +
                  "; copy it again or remove it");
}

}  // namespace clade
