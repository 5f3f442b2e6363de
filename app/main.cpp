#include <c10/util/Exception.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include "app/commands.h"
#include "app/exit_codes.h"
#include "app/interrupt.h"
#include "clade/core/error.h"
#include "clade/core/memory.h"
#include "clade/core/words.h"
#include "clade/data/load.h"
#include "clade/evaluation/evaluate.h"
#include "clade/experiment/experiment.h"
#include "clade/models/registry.h"
#include "clade/training/schedule.h"

namespace {

int report(const std::string& message, int code) {
  std::fprintf(stderr, "clade: %s\n", clade::one_line(message).c_str());
  return code;
}

/// Where streams 0 to 2 are closed, a file opened later would take their place, and what is printed
/// would go into it.
void open_closed_streams() {
  int file = ::open("/dev/null", O_RDWR);
  while (file >= 0 && file <= STDERR_FILENO) file = ::open("/dev/null", O_RDWR);
  if (file >= 0) ::close(file);
}

/// Beyond `ulimit -f`, and into pipes nobody reads any more, writing fails as on a full disk.
void let_writing_fail() {
  std::signal(SIGXFSZ, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);
}

bool is_read_by_nobody(int pipe) {
  pollfd end{pipe, 0, 0};
  return ::poll(&end, 1, /*timeout=*/0) == 1 && (end.revents & POLLERR) != 0;
}

/// The end of a command that did what it was to do.
int finish() {
  std::cout.flush();
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0 && std::cout) return 0;
  if (is_read_by_nobody(STDOUT_FILENO)) {  // any more: clade models | head
    std::signal(SIGPIPE, SIG_DFL);
    std::raise(SIGPIPE);
  }
  return report("standard output could not be written: check where it goes", kBadInput);
}

/// An error of a library, or of memory.
std::string said_of_unforeseen(const std::exception& error) {
  if (const auto wanted = clade::memory_wanted(error)) {
    return "memory ran out: " + *wanted +
           " was wanted at once; lower train.batch, the model's sizes or the samples, or use a "
           "machine with more";
  }
  const auto* of_libtorch = dynamic_cast<const c10::Error*>(&error);
  const std::string text =
      of_libtorch != nullptr ? of_libtorch->what_without_backtrace() : error.what();
  return text.substr(0, text.find('\n'));
}

/// "train.epochs" of "epochs", "" if no setting is called so.
std::string setting_called(const std::string& name) {
  clade::DataOptions data;
  clade::TrainOptions train;
  clade::EvaluateOptions evaluate;
  const auto model = clade::find_model(clade::kDefaultModel).options();
  const std::pair<std::string, std::vector<clade::Option>> sections[] = {
      {"model", model->options()},
      {"train", train.options()},
      {"data", data.options()},
      {"evaluate", evaluate.options()}};
  for (const auto& [section, options] : sections) {
    for (const clade::Option& option : options) {
      if (option.name == name) return section + "." + name;
    }
  }
  return "";
}

std::string what_to_do_about(const std::string& unknown, const CLI::App& command) {
  const std::string setting = setting_called(unknown.substr(2));
  if (command.get_option_no_throw("--set") != nullptr && !setting.empty()) {
    return "it is a setting: --set " + setting + "=VALUE";
  }
  std::vector<std::string> known;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  }
  return clade::suggest(unknown, known) + " (see clade " + command.get_name() + " --help)";
}

}  // namespace

int main(int argc, char** argv) {
  open_closed_streams();
  let_writing_fail();
  end_on_interrupt();
  clade::keep_freed_memory();
  CLI::App app{
      "Clade: deep generative models whose latents are part discrete (which cluster)\n"
      "and part continuous (which variation inside it)."};
  app.footer(
      "Start with:  clade train fashion-mnist --model cp_vae\n"
      "Each command explains itself:  clade COMMAND --help");
  app.set_version_flag("--version", CLADE_VERSION);
  app.require_subcommand(1);
  const auto unknown_command = [&]() -> std::string {
    const std::string word = argc > 1 ? argv[1] : "";
    std::vector<std::string> commands;
    for (const CLI::App* command : app.get_subcommands({})) commands.push_back(command->get_name());
    const bool known = std::find(commands.begin(), commands.end(), word) != commands.end();
    if (word.empty() || word.front() == '-' || known) return "";
    return "there is no command " + word + "; " + clade::suggest(word, commands) +
           " (see clade --help)";
  };
  const auto unknown_option = [&]() -> std::string {
    if (app.get_subcommands().empty()) return "";
    const CLI::App* command = app.get_subcommands().front();
    for (int i = 2; i < argc; ++i) {
      const std::string word = std::string(argv[i]).substr(0, std::string(argv[i]).find('='));
      if (!word.starts_with("--") || command->get_option_no_throw(word) != nullptr) continue;
      return "clade " + command->get_name() + " has no option " + word + "; " +
             what_to_do_about(word, *command);
    }
    return "";
  };
  add_train(app);
  add_bench(app);
  add_evaluate(app);
  add_cluster(app);
  add_embed(app);
  add_score(app);
  add_generate(app);
  add_report(app);
  add_models(app);
  add_data(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& request) {  // --help, --version
    const int code = app.exit(request);
    return code == 0 ? finish() : code;
  } catch (const CLI::ParseError& error) {
    if (const auto said = unknown_command(); !said.empty()) return report(said, kBadInput);
    if (const auto said = unknown_option(); !said.empty()) return report(said, kBadInput);
    return report(std::string(error.what()) + " (see clade --help)", kBadInput);
  } catch (const clade::Interrupted& error) {
    return report(error.what(), kInterrupted);
  } catch (const clade::NumericalError& error) {
    return report(error.what(), kNumericalFailure);
  } catch (const clade::Error& error) {
    return report(error.what(), kBadInput);
  } catch (const std::exception& error) {
    return report(said_of_unforeseen(error), kBadInput);
  }
  return finish();
}
