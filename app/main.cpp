#include <c10/util/Exception.h>

#include <cstdio>
#include <iostream>
#include <string>

#include "app/commands.h"
#include "clade/core/error.h"
#include "clade/core/memory.h"

namespace {

constexpr int kBadInput = 2;
constexpr int kNumericalFailure = 3;
constexpr int kInterrupted = 130;

int report(const std::string& message, int code) {
  std::fprintf(stderr, "clade: %s\n", message.c_str());
  return code;
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

}  // namespace

int main(int argc, char** argv) {
  clade::keep_freed_memory();
  CLI::App app{
      "Clade: deep generative models whose latents are part discrete (which cluster)\n"
      "and part continuous (which variation inside it)."};
  app.footer(
      "Start with:  clade train fashion-mnist --model cp_vae\n"
      "Each command explains itself:  clade COMMAND --help");
  app.set_version_flag("--version", CLADE_VERSION);
  app.require_subcommand(1);
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
    return app.exit(request);
  } catch (const CLI::ParseError& error) {
    return report(first_line(error.what()) + " (see clade --help)", kBadInput);
  } catch (const clade::Interrupted& error) {
    return report(error.what(), kInterrupted);
  } catch (const clade::NumericalError& error) {
    return report(error.what(), kNumericalFailure);
  } catch (const clade::Error& error) {
    return report(error.what(), kBadInput);
  } catch (const c10::Error& error) {
    return report(first_line(error.what_without_backtrace()), kBadInput);
  } catch (const std::exception& error) {
    return report(first_line(error.what()), kBadInput);
  }
  std::cout.flush();
  if (std::fflush(stdout) != 0 || !std::cout) {
    return report("standard output could not be written: check where it goes", kBadInput);
  }
  return 0;
}
