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
    constexpr uint64_t kSeed = 1;
    clade::ExperimentFile settings;  // as --set has them
    settings.override(std::string("data.path=") + argv[1]);
    settings.override("model.clusters=2");
    settings.override("train.epochs=20");
    clade::Experiment experiment = clade::load_experiment(settings, clade::kDefaultModel);
    const clade::Splits data = clade::load_splits(experiment.data, kSeed);
    std::printf("%s\n", data.said.c_str());

    experiment.model->likelihood = clade::suggested_likelihood(data);
    // What is left open, sizes, rate and where clusters start, fits the data.
    std::printf("%s\n", clade::fit_to_data(settings, data, experiment).c_str());
    clade::TrainedModel trained =
        clade::make_model(experiment.model_name, experiment.model, data, kSeed, torch::kCPU);
    clade::Trainer(trained, data, experiment.train, kSeed).run();
    clade::save_run(trained, experiment, argv[2]);  // which every command opens

    const clade::Metrics metrics =
        clade::evaluate(*trained.model, data.test, experiment.evaluate, kSeed);
    std::printf("bound %.2f nats, %.1f clusters\n", metrics.bound.elbo,
                metrics.clusters.use.effective_clusters);
    auto generator = clade::make_generator(kSeed);
    for (const int64_t k : {0, 1}) {
      const auto x = trained.model->generations(3, {{"y", torch::tensor(k)}}, generator);
      std::cout << trained.preprocessing.restore(x->sample(generator)) << "\n";
    }
  } catch (const clade::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}
