// Trains two clusters on a table, measures them and draws three new points from each:
//   train DATA RUN
#include <clade/clade.h>

#include <cstdio>
#include <iostream>
#include <string>

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: train DATA RUN\n");
    return 2;
  }
  try {
    clade::ExperimentFile settings;  // as --set has them
    settings.override(std::string("data.path=") + argv[1]);
    settings.override("model.clusters=2");
    settings.override("train.epochs=20");
    // What is left open, sizes, rate and where clusters start, fits the data.
    const clade::TrainedRun run = clade::train(settings, argv[2]);  // which every command opens

    const clade::Splits data = run.splits();
    std::printf("%s\n", data.said.c_str());
    const clade::Metrics metrics =
        clade::evaluate(run.trained, data.test, run.experiment.evaluate, run.seed());
    std::printf("bound %.2f nats, %.1f clusters\n", metrics.bound.elbo,
                metrics.clusters.use.effective_clusters);
    for (const int64_t k : {0, 1}) {
      std::cout << clade::generate(run.trained, 3, {{"y", torch::tensor(k)}}) << "\n";
    }
  } catch (const clade::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}
