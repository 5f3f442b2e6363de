#include "clade/formats/jpeg.h"

#include "clade/core/error.h"
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
};

[[noreturn]] void fail(j_common_ptr jpeg) {
  std::longjmp(reinterpret_cast<Failure*>(jpeg->err)->out, 1);
}

/// libjpeg warns of lost data and goes on with grey; stray bytes between segments lose none.
void on_message(j_common_ptr jpeg, int level) {
  if (level < 0 && jpeg->err->msg_code != JWRN_EXTRANEOUS_DATA) fail(jpeg);
}

class JpegReader {
 public:
  JpegReader(std::string_view bytes, const std::string& where) : bytes_(bytes), where_(where) {
    jpeg_.err = jpeg_std_error(&failure_.manager);
    failure_.manager.error_exit = fail;
    failure_.manager.emit_message = on_message;
  }
  ~JpegReader() { jpeg_destroy_decompress(&jpeg_); }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;

  torch::Tensor read() {
    guarded([this] {
      jpeg_create_decompress(&jpeg_);
      jpeg_mem_src(&jpeg_, reinterpret_cast<const unsigned char*>(bytes_.data()), bytes_.size());
      jpeg_read_header(&jpeg_, TRUE);
    });
    check_sides(jpeg_.image_height, jpeg_.image_width, where_);
    const bool colour = jpeg_.num_components > 1;
    jpeg_.out_color_space = colour ? JCS_RGB : JCS_GRAYSCALE;
    std::vector<int64_t> shape = {jpeg_.image_height, jpeg_.image_width};
    if (colour) shape.push_back(3);
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
    return pixels;
  }

 private:
  /// Errors of libjpeg leave `call` by longjmp: it may own nothing.
  template <class Call>
  void guarded(Call call) {
    if (setjmp(failure_.out) == 0) {
      call();
      return;
    }
    char why[JMSG_LENGTH_MAX];
    failure_.manager.format_message(reinterpret_cast<j_common_ptr>(&jpeg_), why);
    throw DataError(where_ + " is a JPEG that cannot be read (" + why +
                    "); copy it again, or save it anew in RGB or grey");
  }

  std::string_view bytes_;
  std::string where_;
  jpeg_decompress_struct jpeg_{};
  Failure failure_{};
};

}  // namespace

torch::Tensor decode_jpeg(std::string_view bytes, const std::string& where) {
  return JpegReader(bytes, where).read();
}

#else

torch::Tensor decode_jpeg(std::string_view, const std::string& where) {
  throw Error(where + " is a JPEG, and this clade was built without libjpeg; build it with " +
              "-DCLADE_WITH_JPEG=ON");
}

#endif

}  // namespace clade
