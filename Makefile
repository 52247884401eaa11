# The two main commands are `make verify` and `make test`. Both set up .venv first, once. `make check` is for daily use.
PYTHON ?= python3
BIN := .venv/bin
CHECKPOINTS := affine3-seed0 affine3-seed1 affine3-seed4 affine-a.pth affine3-order2
# Small models of other tasks, in R^8. The README does not show them.
OTHER_TASKS := affine-r8 rotation-r8 polynomial-r8

.PHONY: verify test check lint format setup board claims picture clean

verify: .venv/ready
	$(BIN)/recint verify --report reports/verify.html --verdicts reports/verify.json

test: lint
	$(BIN)/pytest tests -n 2

# The tests that do not judge models. They take less than a minute on two cores without other work.
QUICK := statistics test_domain.py test_recurrence.py test_strategies.py test_verdict.py test_words.py \
  $(addprefix judging/test_, claim.py holm.py means.py reductions.py) model/test_chance.py \
  pages/test_claims_page.py record/test_identity.py $(addprefix system/test_, escaping.py files.py) \
  $(addprefix whole/test_, architecture.py contributing.py docs_reliability.py doctests.py readme.py shipped_claims.py)
check: lint
	$(BIN)/pytest $(QUICK:%=tests/%)

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

setup: .venv/ready

# The claims in the README: where each layer of the notebook's circuit looks, what it does, and whether the whole is enough.
ROLES := 'circuit.sufficient@3' 'circuit.minimal@2' 'l0.previous-token@2' l0.ov-line l1.second-position 'l1.necessary@2' \
  l2.attends-to-similar 'l2.ov-negative-copying@2' 'model.predicts-next-term@2'

# The claims in docs/mechanism.md: the account and its rivals.
ACCOUNT := 'filter.*' 'circuit.attention-*' circuit.linear-given-c 'embedding.*' model.rotation l0.attention-reads-angles \
  l1.attention-of-norms 'rival.*'

# Networks of the account that are not shipped: their verdicts are in the log.
FRESH := affine3-seed5 affine2-small

# The tables of verdicts, from runs on all shipped checkpoints, and the replication of the notebook's numbers.
board: .venv/ready
	for name in $(CHECKPOINTS) $(OTHER_TASKS); do \
	  $(BIN)/recint verify fixtures/checkpoints/$$name --report reports/$$name.html --verdicts reports/$$name.json; \
	  test $$? -le 1 || exit 1; \
	done
	$(BIN)/recint board $(CHECKPOINTS:%=reports/%.json) $(OTHER_TASKS:%=reports/%.json) --into docs/verdicts.md
	$(BIN)/recint board $(CHECKPOINTS:%=reports/%.json) --claims $(ROLES) --into README.md
	$(BIN)/recint board $(filter-out %order2.json,$(CHECKPOINTS:%=reports/%.json)) $(FRESH) reports/affine-r8.json --claims $(ACCOUNT) --into docs/mechanism.md
	$(BIN)/recint replicate --markdown docs/replication.md

# The page of all claims, from their declarations.
claims: .venv/ready
	$(BIN)/recint claims --markdown docs/claims.md

# The picture in the README, from the report of the last `make verify`.
picture: reports/verify.html
	chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --window-size=1240,1100 \
	  --screenshot=$(CURDIR)/docs/report.png file://$(CURDIR)/$<

.venv/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "recint needs Python 3.11 or later, but $(PYTHON) is older: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	@$(PYTHON) -m venv .venv
	@echo "setting up .venv (some minutes the first time) ..."
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]' >.venv/setup.log 2>&1 || \
	  { cat .venv/setup.log; exit 1; }
	@touch $@

clean:
	rm -rf .venv reports build *.egg-info
