// A service that loads a trained model and says which cluster each point of a file belongs to:
//   consumer RUN DATA
#include <clade/clade.h>

#include <cstdio>

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: consumer RUN DATA\n");
    return 2;
  }
  try {
    const clade::TrainedModel trained = clade::load_model(argv[1], torch::kCPU);
    const clade::Dataset data =
        clade::load_points(argv[2], /*labels=*/"", trained.preprocessing, trained.shape);
    const auto [probability, cluster] = clade::assign(trained, data.x).max(1);
    for (int64_t i = 0; i < data.size(); ++i) {
      std::printf("%lld %.3f\n", static_cast<long long>(cluster[i].item<int64_t>()),
                  probability[i].item<double>());
    }
  } catch (const clade::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}
