#include "clade/formats/jpeg.h"

#include "clade/core/error.h"
#include "clade/formats/exif.h"
#include "clade/formats/image_sides.h"

#ifdef CLADE_WITH_JPEG
#include <cstdio>
// After <cstdio>, which they need.
#include <jerror.h>
#include <jpeglib.h>

#include <csetjmp>
#endif

namespace clade {

bool is_jpeg(std::string_view bytes) {
  return bytes.substr(0, 3) == "\xff\xd8\xff";
}

#ifdef CLADE_WITH_JPEG

namespace {

struct Failure {
  jpeg_error_mgr manager;  // first: libjpeg knows only this
  std::jmp_buf out;
  bool too_many_scans = false;
};

[[noreturn]] void fail(j_common_ptr jpeg) {
  std::longjmp(reinterpret_cast<Failure*>(jpeg->err)->out, 1);
}

/// libjpeg warns of lost data and goes on with grey; stray bytes between segments lose none.
void on_message(j_common_ptr jpeg, int level) {
  if (level < 0 && jpeg->err->msg_code != JWRN_EXTRANEOUS_DATA) fail(jpeg);
}

/// Progressive files have some ten scans. Each costs as much as a whole image, and a small file may
/// hold thousands.
void check_scans(j_common_ptr jpeg) {
  constexpr int most = 100;
  auto* const reader = reinterpret_cast<jpeg_decompress_struct*>(jpeg);
  if (reader->input_scan_number <= most) return;
  reinterpret_cast<Failure*>(jpeg->err)->too_many_scans = true;
  fail(jpeg);
}

/// Cyan, magenta, yellow and black, [H, W, 4], as they are, or inverted as Adobe writes them.
torch::Tensor rgb_of(const torch::Tensor& cmyk, bool inverted) {
  const auto light = (inverted ? cmyk : 255 - cmyk).to(torch::kInt32);  // what is not covered
  const auto rgb = light.slice(2, 0, 3) * light.slice(2, 3);
  return rgb.add(127).div(255, "floor").to(torch::kUInt8);
}

constexpr std::string_view kExif("Exif\0\0", 6);

class JpegReader {
 public:
  JpegReader(std::string_view bytes, const std::string& where) : bytes_(bytes), where_(where) {
    jpeg_.err = jpeg_std_error(&failure_.manager);
    failure_.manager.error_exit = fail;
    failure_.manager.emit_message = on_message;
    progress_.progress_monitor = check_scans;
  }
  ~JpegReader() { jpeg_destroy_decompress(&jpeg_); }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;

  DecodedImage read() {
    guarded([this] {
      jpeg_create_decompress(&jpeg_);
      jpeg_.progress = &progress_;
      jpeg_mem_src(&jpeg_, reinterpret_cast<const unsigned char*>(bytes_.data()), bytes_.size());
      jpeg_save_markers(&jpeg_, JPEG_APP0 + 1, 0xffff);
      jpeg_read_header(&jpeg_, TRUE);
    });
    check_sides(jpeg_.image_height, jpeg_.image_width, where_);
    const int orientation = noted_orientation();  // finishing forgets it
    const int64_t channels = jpeg_.num_components == 4 ? 4 : jpeg_.num_components > 1 ? 3 : 1;
    jpeg_.out_color_space = channels == 4 ? JCS_CMYK : channels == 3 ? JCS_RGB : JCS_GRAYSCALE;
    std::vector<int64_t> shape = {jpeg_.image_height, jpeg_.image_width};
    if (channels > 1) shape.push_back(channels);
    auto pixels = torch::empty(shape, torch::kUInt8);
    auto* const first = pixels.data_ptr<uint8_t>();
    const int64_t stride = pixels.stride(0);
    guarded([this, first, stride] {
      jpeg_start_decompress(&jpeg_);
      while (jpeg_.output_scanline < jpeg_.output_height) {
        JSAMPROW row = first + stride * jpeg_.output_scanline;
        jpeg_read_scanlines(&jpeg_, &row, 1);
      }
      jpeg_finish_decompress(&jpeg_);
    });
    DecodedImage image{pixels};
    if (channels == 4) {
      image.pixels = rgb_of(pixels, jpeg_.saw_Adobe_marker != 0);
      image.changes.emplace_back("CMYK became RGB");
    }
    if (orientation != 1) {
      image.pixels = upright(image.pixels, orientation);
      image.changes.emplace_back(kTurned);
    }
    return image;
  }

 private:
  /// Errors of libjpeg leave `call` by longjmp: it may own nothing.
  template <class Call>
  void guarded(Call call) {
    if (setjmp(failure_.out) == 0) {
      call();
      return;
    }
    char why[JMSG_LENGTH_MAX] = "more than 100 scans";
    if (!failure_.too_many_scans) {
      failure_.manager.format_message(reinterpret_cast<j_common_ptr>(&jpeg_), why);
    }
    throw DataError(where_ + " is a JPEG that cannot be read (" + why +
                    "); copy it again, or save it anew in RGB or grey");
  }

  int noted_orientation() const {
    for (auto* marker = jpeg_.marker_list; marker != nullptr; marker = marker->next) {
      const std::string_view data(reinterpret_cast<const char*>(marker->data), marker->data_length);
      if (data.substr(0, kExif.size()) == kExif) {
        return exif_orientation(data.substr(kExif.size()));
      }
    }
    return 1;
  }

  std::string_view bytes_;
  std::string where_;
  jpeg_decompress_struct jpeg_{};
  jpeg_progress_mgr progress_{};
  Failure failure_{};
};

}  // namespace

DecodedImage decode_jpeg(std::string_view bytes, const std::string& where) {
  return JpegReader(bytes, where).read();
}

#else

DecodedImage decode_jpeg(std::string_view, const std::string& where) {
  throw Error(where + " is a JPEG, and this clade was built without libjpeg; build it with " +
              "-DCLADE_WITH_JPEG=ON");
}

#endif

}  // namespace clade
