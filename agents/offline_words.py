"""Words the offline judge knows: topics of interview questions, plain English, filler talk.

Plain data, so that a score can be explained by the words that made it. A word ending in ``*`` stands for
all words that begin so; words are compared by their stems (`stem`); a phrase is compared as it stands.
"""

from __future__ import annotations

from functools import cache
from typing import Final

_SUFFIXES: Final = tuple(
    sorted(
        "ations ation ments ment nesses ness ingly ings ing ised ized ises izes ising izing ise ize "
        "edly ied "
        "ies ed ers er ors or ions ion ives ive ally ily ly ances ance ences ence ants ant ents ent als al "
        "es s e y".split(),
        key=len,
        reverse=True,
    )
)
_IRREGULAR: Final = {
    "leads": "prospect",
    "led": "lead", "built": "build", "told": "tell", "taught": "teach", "wrote": "write", "written": "write",
    "broke": "break", "broken": "break", "sold": "sell", "found": "find", "thought": "think", "met": "meet",
    "chose": "choose", "chosen": "choose", "fell": "fall", "rose": "rise", "grew": "grow", "grown": "grow",
    "kept": "keep", "felt": "feel", "bought": "buy", "brought": "bring", "ran": "run", "spoke": "speak",
    "spoken": "speak", "understood": "understand", "lost": "lose", "won": "win", "dealt": "deal",
    "people": "person", "children": "child", "criteria": "criterion", "analyses": "analys",
    "argued": "argument", "argue": "argument", "arguing": "argument", "failure": "fail", "failures": "fail",
    "disagreed": "disagree",
    "data": "data", "queries": "query", "dying": "die", "ties": "tie", "indices": "index",
}  # fmt: skip


@cache
def stem(word: str) -> str:
    """A rough stem: the same for the usual forms of a word, never meant to be read."""
    word = word.lower().replace("’", "'").removesuffix("'s")
    word = _IRREGULAR.get(word, word)
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            word = word[: -len(suffix)]
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiou":
        word = word[:-1]
    return word


# topic: words that call it up in a question | words that answers about it use besides
TOPICS: Final[dict[str, tuple[str, str]]] = {
    "pricing": (
        "price prices pricing discount* tariff willingness_to_pay",
        "cost* margin* charge* customer* compet* value anchor* euros dollars cents pay paid survey floor "
        "ceiling "
        "cheap* expensive bundle* package* subscription premium test* segment* introductory add*",
    ),
    "onboarding": (
        "first_30_days first_90_days first_60_days first_week first_month first_days onboard* new_job",
        "listen* shadow* learn* team colleagu* documentation read meet* task* small fix* trust quick_win* "
        "question* "
        "tools manager priorit* stakeholder* expectation* week month goal* understand* know",
    ),
    "remote": (
        "working_from_home work_from_home remote* home_office hybrid",
        "day hours commute laptop chat call* colleague* desk room overhear* office schedul* break* coffee "
        "video disciplin* "
        "separat* private meeting* walk*",
    ),
    "aviation": (
        "pilot* flight* aircraft aviation cockpit cabin_crew airline* airport dispatcher airspace",
        "captain first_officer runway slot gate fuel weather checklist* altitude boarding passenger* "
        "duty_time standby "
        "delay* land* diver* crew takeoff maintenance landing atc radio* instrument*",
    ),
    "trades": (
        "electric* plumb* weld* carpent* roof* mechanic* boiler* heat_pump* machine* repair* construction "
        "building_site "
        "craft* install*",
        "tool* cable* breaker* fuse voltage pipe* leak* valve* pump* pressure seam* bolt* drill* measure* "
        "customer* part* "
        "safety test* inspect* material* drawing* site supplier* spare",
    ),
    "events": (
        "event* conference* wedding* festival* trade_fair venue*",
        "guest* speaker* catering schedul* budget* stage* ticket* backup* supplier* rain plan* volunteer* "
        "checklist* "
        "rehears* sponsor* sign-up registration",
    ),
    "emergency": (
        "firefighter* fire police* paramedic* ambulance emergency rescue* lifeguard* evacuat*",
        "scene breath* pulse calm* radio* hydrant smoke victim* crowd* siren* triage hospital hazard* "
        "witness* report* call "
        "secure* backup",
    ),
    "journalism": (
        "journalis* article* editor* reporter* news newsroom source*",
        "quote* fact* check* deadline interview* publish* headline* story* correct* call* verify* document* "
        "paper",
    ),
    "property": (
        "real_estate tenant* landlord* apartment* property lease* insur* claim* policyholder*",
        "rent* viewing* contract* repair* damage* deposit* notice premium* risk* adjust* owner* water "
        "neighbour*",
    ),
    "farming": (
        "farm* crop* harvest* cattle livestock veterinar* animal* agricultur*",
        "soil weather seed* feed* herd* vaccin* irrigation yield* tractor* pasture milk* disease* owner*",
    ),
    "conflict": (
        "conflict* assertive* speak_up spoke_up misunderst* disagree* argument clash tension dispute "
        "friction coworker co-worker "
        "difficult_person "
        "get_along confront* pushback opposing",
        "opinion compromise listen perspective side convince frustrat* upset resolv* mediat* apologi* "
        "trust "
        "understood concern one-on-one insist* refus* heated relationship common_ground oppos* objected "
        "calm "
        "privately aside blunt angry shout* misunderstand* middle_ground reconcile respect pushed_back "
        "both_sides turned_out against suggest* reason* sat_with walked_over expected clarif* "
        "colleague wanted agree* argu*",
    ),
    "failure": (
        "fail* resilien* fell_short fall_short accountab* own_up mistake* wrong error regret* setback "
        "weakness* disappoint* did_not_go "
        "went_badly missed",
        "broke outage fault responsib* own apolog* lesson learn* since checklist prevent* fix* rollback "
        "underestimat* assum* overlook* admit* late blame should_have differently recover* forgot "
        "never_again "
        "embarrass* wrongly corrected",
    ),
    "accuracy": (
        "accura* error* free_of_errors detail* attention_to_detail proofread* double-check* "
        "quality_of_your_work precis*",
        "check* review* checklist second_pair verif* compare* sample* total* recompute* formula* "
        "mistake* slip* list "
        "read_it again spelling hand_over sign* twice caught template* step*",
    ),
    "leadership": (
        "lead leader leaders leadership leading led mentor* manage* motivat* influence delegat* coach* "
        "supervis* direct_report* "
        "underperform* morale",
        "team goal vision one-on-one feedback trust align* support assign* ownership hire* onboard* junior "
        "direction responsib* strength pair* promote* encourag* clarif* expectation praise responsib* "
        "performance "
        "improvement_plan growth volunteer* shift* roster crew",
    ),
    "deadline": (
        "deadline* pressure stress* tight urgent overload* workload time_management short_notice "
        "overwhelm*",
        "late week day hours priorit* cut scope sprint overtime deliver* shipped on_time schedul* plan "
        "triage calm "
        "launch extension negotiat* list rush breath* cover* focus backup postpon* must-have essential",
    ),
    "priorities": (
        "priorit* compet* juggl* multiple_task* multi-task* multitask* organi* time_management "
        "several_task* at_once",
        "urgent important* impact effort deadline list backlog stakeholder rank* matrix schedul* calendar "
        "postpon* delegat* said_no value block* cost_of_delay order first dependency deferred trade-off "
        "triage "
        "risk review",
    ),
    "teamwork": (
        "team teamwork collaborat* cross-functional cooperat* colleague* together group",
        "call* walk* desk mail* answer* reply* talk* ask* share* help* meeting handoff design* product "
        "role* pair* review* align* contribut* support* "
        "joint* "
        "stand-up standup department* agreed everyone responsib* relied",
    ),
    "communication": (
        "communicat* misunderst* explain* present* presentation audience non-technical nontechnical "
        "persuad* simplif* "
        "public_speaking layperson bad_news",
        "analogy jargon slide diagram question* understood simple plain language example summary email "
        "update* check* understand listen* demo draw* drew story confus* compare* like_a imagine "
        "picture repeat* "
        "rephras* feedback rehears* message tailor* document* told wrote weekly call",
    ),
    "customer": (
        "customer* client* complain* guest* user_complaint angry upset dissatisf* service",
        "listen* apolog* refund resolv* account call ticket satisf* expectation follow* issue escalat* "
        "solution "
        "calm* renew* trust sorry compensat* voucher replace* order* problem happy complaint* "
        "understood promise* "
        "callback manager delivery",
    ),
    "feedback": (
        "feedback criticis* criticiz* receive_feedback constructive appraisal",
        "told defensive improve* changed listen* review specific behaviour behavior thank* example* "
        "follow* blunt hard_to_hear since private* direct* actionable notes reflect*",
    ),
    "learning": (
        "learn* new_skill quickly curious* growth unfamiliar stay_current up_to_date self-taught "
        "keep_up training",
        "course documentation read* tutorial practice* mentor book* built experiment* taught expert "
        "certif* picked_up train* exercise* prototype podcast newsletter conference blog weekend "
        "studied shadow* "
        "notes hands-on sandbox week* apply applied",
    ),
    "change": (
        "change* adapt* flexib* unexpected ambigu* uncertain* shift* reorgan* pivot* unclear incomplete",
        "plan requirement* new assum* clarif* adjust* replan* experiment* scope moved question* switch* "
        "re-priorit* migrat* transition* resist* concern* explain* communicat* small_step* confirmed",
    ),
    "initiative": (
        "initiative proactiv* beyond above_and_beyond improve* improvement innovat* creativ* idea* "
        "process_improvement "
        "efficien*",
        "notic* propos* suggest* built prototype nobody_asked volunteer* automat* pilot* saved start* "
        "convinc* "
        "problem manual* spreadsheet script reduced faster template checklist adopt* waste",
    ),
    "decision": (
        "decision* decid* judgment judgement trade-off* tradeoff* difficult_choice risk* choose chose "
        "option*",
        "option* data weigh* criteri* reversib* assum* evidence pros cons consult* outcome alternative* "
        "cost "
        "benefit compare* estimate* information wait* test* revisit* advantage",
    ),
    "ethics": (
        "ethic* integrity honest* dilemma confidential* misconduct unethical wrongdoing",
        "trust* file* allowed lock* secret* told say anything patient* access report* policy manager "
        "legal disclos* refus* right* transparen* rule* raised consequence* "
        "trust hr "
        "speak_up compliance conflict_of_interest privacy evidence escalat* uncomfortable truth audit*",
    ),
    "motivation": (
        "motivat* interest* career five_years goals this_role this_job this_company why_do_you "
        "why_are_you join_us join_our "
        "leave leaving passion* hire_you want_to_work",
        "because growth mission product role enjoy* impact learn* company team value* experience skill* "
        "next_step looking_for develop* grow room current* salary international atmosphere contribut* "
        "years problem* domain background apply responsib* fit",
    ),
    "self_presentation": (
        "yourself introduc* about_you say_about strength* background resume walk_me_through_your "
        "who_you_are",
        "experience years worked role degree start* career currently project* skill* responsib* joined "
        "studied "
        "graduat* lead* team moved company specialis* specializ* engineer analyst manager nurse teacher",
    ),
    "achievement": (
        "achiev* proud* accomplish* success* greatest",
        "led built result* deliver* award launch* recogni* increas* goal exceed* reduced grew saved "
        "from_scratch "
        "first team customer* revenue impact challenge*",
    ),
    "negotiation": (
        "negotiat* persuad* influenc* convinc* buy-in reluctant skeptic* sceptic*",
        "data concern* benefit* agree* propos* objection* trade* offer* compromise pilot* sponsor evidence "
        "terms price discount concession* leverage interest* budget listen* win* alternative walk_away "
        "deal "
        "supplier* contract stakeholder*",
    ),
    "problem_solving": (
        "problem* solve* solving analytical root_cause troubleshoot* complex challenge*",
        "cause investigat* analys* analyz* hypothes* test* data tried solution fix* pattern narrow* "
        "log* compare* "
        "isolat* measur* found checked ruled_out reproduc* verify* broke_down step* five_whys",
    ),
    "culture": (
        "cultur* divers* inclus* bias* different_background* belong* accessib* remote distributed "
        "time_zone*",
        "respect language timezone* perspective* async* written documentation call overlap invite* quiet* "
        "accommodat* misunderstand* listen* local* custom* holiday* voice meeting* rotate* equal*",
    ),
    "recruiting": (
        "recruit* candidate* hire* hiring sourcing interview_process talent job_offer",
        "screen* hiring_manager pipeline offer role scorecard time-to-hire outreach linkedin funnel "
        "referral* "
        "intake structured bias salary job_description shortlist rejected compet* panel",
    ),
    "api": (
        "api* rest restful graphql endpoint* microservice* idempoten* web_service* backend http grpc "
        "webhook*",
        "request* response* status get post put patch json version* client* auth* token gateway cache* "
        "retry "
        "retries pagination schema latency stateless contract service* rate_limit* timeout* resource* "
        "breaking "
        "deprecat* backward* monolith deploy* field* fetch* header* key openapi",
    ),
    "database": (
        "database* sql query queries index* join* normali* transaction* nosql postgres* mysql acid mongo* "
        "schema migration* primary_key",
        "table* row* column* foreign key* explain plan lock* isolation replica* shard* partition* scan* "
        "b-tree "
        "btree aggregate group_by constraint* consisten* denormali* redundan* commit* rollback duplicat* "
        "where_clause select insert update* relational document* read* write* left inner null unique "
        "batch* "
        "backfill composite",
    ),
    "system_design": (
        "design_a scale* scalab* architect* system* distributed availab* shortener throughput load "
        "high_traffic "
        "concurrent_users capacity",
        "load_balancer cache* caching database shard* replica* queue* partition* latency cdn stateless "
        "consisten* "
        "failover bottleneck* read* write* storage hash* service* api* rate_limit* redis kafka "
        "server* requests "
        "horizontal* vertical* region* event* async* single_point trade-off key-value",
    ),
    "concurrency": (
        "thread* deadlock* race_condition* mutex concurren* parallel* async* event_loop lock*",
        "lock* semaphore atomic shared state block* queue* worker* synchron* goroutine* await "
        "context_switch gil "
        "memory cpu-bound io-bound coroutine* order acquire* starv* immutable critical_section",
    ),
    "incident": (
        "debug* incident* outage* production* troubleshoot* slow memory_leak performance bug* crash* "
        "latency "
        "on-call on_call downtime",
        "log* trace* reproduc* metric* profil* rollback rolled_back root_cause bisect* hypothes* "
        "deploy* alert* monitor* "
        "postmortem post-mortem stack heap dump cpu isolat* fix* test* regress* grafana dashboard query "
        "queries "
        "index connection* pool timeout* error* restart* users status_page severity reverted cache",
    ),
    "testing": (
        "test* qa quality automat* regression unit integration coverage flaky tdd bug_report",
        "happy_path edge edges edge_case* invalid fake boundary power empty sold wrong input* rank* works "
        "check* "
        "unit integration end-to-end e2e mock* assert* ci pipeline suite selenium cypress "
        "playwright "
        "pytest junit manual exploratory reproduc* expected actual severity boundary risk* smoke "
        "release* stub* "
        "fixture* isolat* deterministic timing wait* case* defect* pyramid environment",
    ),
    "devops": (
        "ci/cd cicd ci pipeline* deploy* kubernetes docker container* infrastructure terraform cloud "
        "aws azure "
        "gcp release* devops sre slo monitor* observab*",
        "build* stage* rollback canary blue-green image* cluster pod* helm ansible state module* "
        "review* alert* "
        "prometheus grafana metric* log* jenkins github_actions gitlab artifact* environment* secret* "
        "scale* "
        "health_check* error_budget virtual_machine kernel automat* jenkins approval version* "
        "feature_flag* staging",
    ),
    "security": (
        "secur* vulnerab* attack* xss injection authenticat* authoriz* encrypt* password* threat* "
        "phish* hack* "
        "breach*",
        "token* hash* salt* bcrypt argon2 sanitiz* sanitis* escap* parameteri* prepared_statement* "
        "privilege* "
        "mfa two-factor tls certificat* firewall patch* audit* csrf csp cookie* oauth session* key* "
        "secret* "
        "least input validat* scan* role* access log* incident*",
    ),
    "networking": (
        "tcp udp dns network* protocol* tls ip handshake router* routing subnet* http https osi url",
        "packet* connection* reliab* order* retransmi* handshake port* address* server* client* "
        "resolver cache* "
        "latency stream* congestion certificat* browser record* layer* datagram* syn ack switch* vlan "
        "gateway "
        "nameserver root header* firewall",
    ),
    "frontend": (
        "react javascript typescript css html dom browser* frontend front-end component* responsive "
        "render* "
        "web_page* page_load web_performance vue angular hooks",
        "state props virtual_dom hook* re-render* event* bundle* lazy image* cache* layout flexbox grid "
        "viewport media_quer* aria keyboard contrast closure* promise* async* memo* reconcil* lighthouse "
        "script* cdn compress* code_split* hydrat* server-side key* click* effect* lcp",
    ),
    "mobile": (
        "android ios swift kotlin mobile app_store app_crash* offline flutter react_native",
        "activity lifecycle view* fragment* battery memory thread* sync* background push notification* "
        "cache* "
        "local storage crash* screen* device* release* permission* api* queue* conflict*",
    ),
    "programming": (
        "object-oriented oop inherit* polymorphism interface* class classes solid design_pattern* "
        "dependency_injection "
        "python java garbage_collect* programming_language function* decorator* generator* immutab* "
        "pointer* abstract*",
        "object* method* composition encapsulat* reference* heap stack memory type* compile* runtime "
        "exception* "
        "override* subclass* testab* coupl* single_responsib* generation* mark sweep pause* singleton "
        "factory "
        "argument* wrapper list* tuple* dict* yield iterator* lazy hash*",
    ),
    "algorithms": (
        "algorithm* complexity big-o big_o hash_table* hash_map* sort* binary* tree* graph* "
        "data_structure* "
        "array* linked_list* recurs* dynamic_programming stack queue",
        "log constant linear quadratic collision* bucket* lookup* key* value* memory node* pointer* "
        "insert* "
        "delete* search* balanced worst average heap traverse* swap* merge* partition* edge* visited "
        "index*",
    ),
    "code_quality": (
        "git code_review* merge* branch* pull_request* refactor* technical_debt legacy clean_code "
        "maintainab* "
        "rebase",
        "commit* conflict* history review* readab* test* small* comment* standard* lint* naming coupl* "
        "module* "
        "debt incremental* behaviour* behavior* strangler feature_flag* documentation diff* approve* "
        "main rewrite*",
    ),
    "machine_learning": (
        "machine_learning model* overfit* bias-variance variance regression classif* feature* train* "
        "neural "
        "imbalanced cross-validation llm embedding* deep_learning ai precision recall",
        "validation test set regulari* dropout data* label* accuracy f1 auc threshold* baseline leak* "
        "sample* "
        "loss gradient* epoch* tree* random_forest xgboost hyperparameter* drift* monitor* false_positive* "
        "false_negative* predict* noise generali* fold* weight* penalt* early_stopping oversampl*",
    ),
    "statistics": (
        "a/b ab_test* experiment* statistic* p-value* p_value hypothesis significance sample_size "
        "confidence_interval* "
        "probability distribution* correlation causation",
        "null control treatment randomi* power variance mean median effect* metric* sample* segment* "
        "duration "
        "conver* lift* false_positive* type_i bias* confound* outlier* uplift* peek* novelty users "
        "difference chance",
    ),
    "data_engineering": (
        "etl elt data_pipeline* data_warehouse* stream* batch* spark kafka data_quality data_lake "
        "airflow dbt "
        "ingest* data_model*",
        "schema* partition* late duplicat* dedup* idempoten* transform* load* source* table* job* retry "
        "retries "
        "backfill* lineage freshness monitor* alert* test* snowflake bigquery parquet incremental* "
        "null* row* "
        "watermark* checkpoint* star dimension* fact* column*",
    ),
    "analytics": (
        "metric* kpi* retention churn funnel* cohort* dashboard* analytic* measure* data-driven  "
        "insight* "
        "data_analysis",
        "segment* trend* conver* user* weekly daily signup* activation sql excel tableau chart* "
        "definition* "
        "baseline query compare* drop* event* root_cause mobile release* source* week* data decision* "
        "number* "
        "spreadsheet revenue average* lead* pivot",
    ),
    "product": (
        "product* roadmap* feature* user_research mvp launch* backlog requirement* user_need* "
        "product_sense",
        "user* customer* interview* hypothes* metric* problem* prototype* experiment* adoption feedback "
        "impact "
        "effort rice stakeholder* scope release* discover* persona* segment* retention engineer* "
        "revenue value "
        "usability survey* competitor* outcome*",
    ),
    "project": (
        "project* plan* milestone* stakeholder* scope budget* agile scrum kanban gantt estimat* sprint* "
        "risk_register "
        "off_track behind_schedule programme",
        "timeline dependenc* risk* schedul* deliver* buffer* owner* track* status sponsor critical_path "
        "backlog "
        "retrospective* stand-up velocity change_request* deadline* mitigation resource* weekly report* "
        "sign* "
        "contingenc* cost* phase* vendor* delay*",
    ),
    "ux": (
        "design* ux ui usab* user_experience prototyp* wireframe* persona* user_research accessib* "
        "design_system* "
        "figma user_interface",
        "user* test* interview* flow* sketch* iterat* feedback component* contrast screen* click* task* "
        "observ* "
        "label* navigation layout research participant* drop-off hierarchy heuristic* insight* hand-off "
        "keyboard "
        "color colour engineer* session*",
    ),
    "marketing": (
        "marketing campaign* brand* seo content* advert* social_media email_campaign lead_generation "
        "positioning "
        "go-to-market",
        "channel* audience* segment* convers* budget* ctr click* cost_per roi keyword* search landing "
        "creative* "
        "message* attribut* funnel* lead* organic* test* open_rate subscrib* target* persona* traffic "
        "impression* "
        "newsletter influenc* followers competitor* paid",
    ),
    "sales": (
        "sales sell* prospect* quota* deal* objection* close* cold_call* lead_generation pipeline* "
        "account_manage* upsell* revenue_target",
        "qualif* discover* budget decision-maker need* pain* demo* propos* follow* contract* price* "
        "pricing discount* value crm "
        "salesforce champion* competitor* renewal* meeting* referral* roi question* call* trial "
        "stakeholder* "
        "email* gatekeeper territory commission",
    ),
    "customer_success": (
        "customer_success churn renew* account_manage* retention customer_retention",
        "onboard* usage health_score check-in* adoption champion kick-off train* login* expan* "
        "quarterly value "
        "goal* discount* early unhappy relationship* use_the_product cancel* support ticket* upsell* "
        "contract",
    ),
    "finance": (
        "financ* valuation dcf cash_flow* balance_sheet income_statement budget* forecast* accounting "
        "accountant* depreciation "
        "margin* revenue invoice* tax* npv wacc working_capital ebitda variance reconcil* ledger "
        "investment*",
        "discount* rate* asset* liabilit* equity cost* expense* profit* accrual* statement* debt "
        "interest cash "
        "receivable* payable* inventory model* assum* scenario* sensitiv* terminal growth capital "
        "month-end close "
        "entr* excel control* journal mismatch* bank quarter* return* payback irr",
    ),
    "hr": (
        "employee* onboard* performance_review* grievance* payroll compensation engagement human_resources "
        "absence turnover retention resign* thinking_of_leaving quit*",
        "salary raise leave* team why talk* hand_over replac* offer* manager* policy confidential* "
        "document* survey* exit train* legal* fair* investigat* benefit* "
        "retention goal* interview* buddy check-in week* role salary band* mediat* listen*",
    ),
    "operations": (
        "inventory supply_chain logistic* warehouse* supplier* stock* lean operations procurement shipping "
        "manufactur* production_line quality_control throughput kaizen forklift",
        "order* lead_time* safety_stock forecast* demand* delay* carrier* cost* bottleneck* waste "
        "process* kpi* "
        "audit* defect* downtime maintenance sku* count* reorder* pick* pack* route* shipment* backup* "
        "vendor* "
        "contract* inspection* line* batch* shift* scan* pallet* dock",
    ),
    "healthcare": (
        "patient* nurs* clinic* medication* care hospital* diagnos* triage medical health ward doctor* "
        "infection*",
        "vital* assess* symptom* dose* dosage chart* family families consent protocol* handover* "
        "escalat* pain "
        "blood pressure oxygen sepsis emergency team physician* document* safety discharge allerg* "
        "comfort* "
        "listen* privacy monitor* wristband ward* shift*",
    ),
    "teaching": (
        "student* class* lesson* teach* classroom curriculum pupil* parent* learner* disrupt* school "
        "differentiat*",
        "assess* behaviour behavior engag* group* homework grade* exam* reading math* support* "
        "individual* plan* "
        "feedback progress activit* question* understand* seat* rule* consequence* expectation* scaffold* "
        "exit_ticket* quiz* praise one-to-one term worksheet*",
    ),
    "hospitality": (
        "restaurant* kitchen* hotel* menu* chef* cook* waiter* guest* food table* bar reception* "
        "housekeep* catering",
        "order* reservation* overbook* room* complaint* upgrade* service dish* allerg* hygiene "
        "temperature* fridge prep "
        "station* shift* waste supplier* stock wine bill* refund* apolog* rush queue* staff walk-in "
        "haccp clean*",
    ),
    "retail": (
        "store* shop* cashier* checkout shelf merchandis* retail till upsell* shoplift* return_policy",
        "customer* stock* display* sale* receipt* return* refund* price* promotion* queue* product* "
        "inventory shift* basket target* greet* recommend* exchange* manager",
    ),
    "legal": (
        "contract* legal* law* clause* compliance gdpr privacy regulat* litigation liabilit* nda "
        "attorney* policy "
        "data_protection",
        "risk* term* negotiat* indemn* breach* jurisdiction consent data personal processor* retention "
        "delet* "
        "lawful counsel party parties court evidence statute* due_diligence termination obligation* "
        "notify* "
        "authority draft* review* subject*",
    ),
    "office": (
        "office calendar* travel executive* minutes administrative assistant* filing reception* "
        "data_entry excel spreadsheet*",
        "meeting* book* invoice* email* confidential* priorit* agenda* reminder* template* supplier* "
        "document* "
        "coordinat* conflict* double-book* flight* hotel* expense* phone visitor* vlookup pivot "
        "formula* check*",
    ),
    "engineering": (
        "mechanical electrical civil weld* machine* maintenance circuit* structural cad construction "
        "plc material* "
        "engine engines hvac site",
        "load* stress* tolerance* voltage current bearing* motor* sensor* drawing* inspect* vibration "
        "temperature "
        "pressure test* prototype* fail* fatigue safety torque valve* pump* concrete steel calibrat* lock* "
        "breaker* wiring simulation downtime preventive part*",
    ),
    "laboratory": (
        "lab* sample* protocol* assay* scientific research experiment* chemical* cell* pcr hypothesis",
        "control* replicate* contamin* measure* result* calibrat* reagent* data record* notebook pipett* "
        "standard* error* culture* temperature publish* literature analys* incubat* variable* dilut*",
    ),
    "support": (
        "ticket* help_desk helpdesk support password* printer* vpn technical_support user_issue* laptop "
        "wifi",
        "user* reset* remote* diagnos* log* escalat* sla priorit* knowledge_base article* restart* "
        "driver* cable "
        "network account* access permission* steps document* reproduc* device* update* dns ip ping "
        "settings",
    ),
    "safety": (
        "safety hazard* accident* risk_assessment protective near_miss emergency injur* first_aid osha ppe",
        "report* stop* procedure* train* equipment helmet glove* lockout evacuat* inspect* fence* "
        "spill* signage "
        "incident* supervisor toolbox barrier* investigat* fire alarm* checklist*",
    ),
    "writing": (
        "write* writing article* editor* story source* journalis* copy proofread* documentation blog "
        "content",
        "draft* reader* edit* headline* interview* fact* quote* style* tone deadline* structure paragraph* "
        "clarity audience* publish* research* verify* outline* grammar revision* feedback",
    ),
    "estimation": (
        "how_many how_much estimate market_size guess* ballpark",
        "assum* population per multipl* divid* roughly approximat* million percent household* average day "
        "check* range order_of_magnitude total upper lower bottom-up top-down",
    ),
    "social_care": (
        "social_worker* child* elderly carer safeguard* volunteer* community charity counsel* resident* "
        "vulnerable",
        "family families trust listen* plan* refer* report* visit* assess* support* agency agencies "
        "boundary "
        "boundaries confidential* dignity care concern* document* group* donor* fundrais*",
    ),
    "transport": (
        "driver* driv* vehicle* fleet route* delivery flight* pilot* crew passenger* train bus truck",
        "schedul* delay* safety inspect* fuel load* road traffic customer* check* gps maintenance "
        "brake* hours "
        "logbook weather divert* cabin turn* stop*",
    ),
}  # fmt: skip

QUESTION_TALK: Final = frozenset(
    stem(word)
    for word in (
        "tell describe explain give share talk walk example examples time situation situations instance "
        "experience "
        "question would could should please one when what how why which where who do does did you your "
        "yourself "
        "have had has been be is are was were me us about through something someone somebody anything "
        "thing "
        "things way ways make made making think thought ever most best last recent recently handle handled "
        "handling deal dealt dealing approach use used using go going take took steps step work worked "
        "working "
        "job role position company get got know happen happened specific between difference differences "
        "main "
        "important good great first still people person want need see keep find found look like people's "
        "tasks task part help start started begin new different many much such case say said come came "
        "result "
        "ensure achieve put within without every day today professional professionally ask asked answer "
        "briefly "
        "important brought kind type imagine suppose assume given responsible responsibility "
        "responsibilities "
        "skill skills knowledge ability competency competence advanced beginner intermediate general "
        "technical "
        "behavioral behavioural situational"
    ).split()
)
"""Stems that stand in most questions and so say nothing about what one is about."""

PLAIN: Final = frozenset(
    stem(word)
    for word in (
        "able accept across act action actions add age ago agree allow alone along already also "
        "although always "
        "amount answer apart appear area arrive aspect attention available avoid aware away bad basic "
        "basis become "
        "begin behind believe benefit best better big bit body bring build business busy buy call can "
        "care carry "
        "case catch cause certain chance change check choice choose clear close come common company "
        "complete "
        "concern consider continue control cost could couple course create current cut daily day deal "
        "decide deep "
        "default detail develop difference different difficult direct discuss do done door doubt drive "
        "drop easy "
        "effect effective effort end enjoy enough ensure entire environment especially essential etc "
        "even event "
        "eventually everybody everyone everything everywhere exact example excellent except exist expect "
        "experience explain extra extremely eye face fact fair fall far fast feel field figure fill "
        "final find "
        "fine finish fit fix focus follow force forget form forward free friend friendly full fun "
        "further future "
        "general generally get give go goal good great group grow guess guy half hand handle hang "
        "happen happy "
        "hard head hear help hi high highly hold home honest honestly hope hour house huge idea image "
        "imagine "
        "immediately impact important improve include increase individual industry information inside "
        "instead "
        "interest interesting involve issue item job join keep key kind know knowledge lack large last "
        "late "
        "later lead learn leave less let level life light like likely line list listen little live "
        "local long "
        "look lose lot love low main major make manage manner many matter maybe mean meet member "
        "mention method "
        "middle mind minute miss modern moment money month more morning most move much multiple must "
        "name nature "
        "near necessary need nice night normal normally note nothing notice number obvious obviously "
        "occur offer "
        "office often old open opinion opportunity option order organization original other outside "
        "overall own "
        "pace part particular pass past pay people perfect perform performance perhaps period person "
        "personal "
        "personally phone pick piece place plan play please point position positive possible power "
        "practice "
        "prefer prepare present pretty previous price probably problem proceed process produce product "
        "program "
        "progress proper properly provide public pull purpose push put quality question quick quickly "
        "quiet "
        "quite raise range rate reach read ready real realize really reason receive recent recently "
        "regular "
        "relate relationship remain remember report require respect respond rest result right role room "
        "rule run "
        "safe satisfied save say second see seem send sense serious service set several share short "
        "show side "
        "significant similar simple simply since single sit situation size skill skills slow small "
        "smart smooth "
        "smoothly social society solid solution solve some somebody someone something sometimes "
        "somewhere soon "
        "sort sound source space speak special specific spend stand standard start state stay step stop "
        "straight "
        "strong study stuff style subject succeed success such suddenly suggest suit support suppose sure "
        "surprise system take talk task team teach technical technology tell term test thank thanks "
        "thing things "
        "think though thought time today together tomorrow tonight top topic total touch toward track "
        "train "
        "treat true trust truth try turn type typical understand unique unless use useful user usual "
        "usually "
        "value variety various very view visit voice wait walk want watch way week well whatever whenever "
        "wherever whole willing win wish wonder word work worker world worry worth would write wrong "
        "year yes "
        "yesterday yet young boss customer client colleague coworker manager employee employer career "
        "project "
        "projects professional workplace deadline meeting email message world-class tool tools data "
        "model code "
        "software app application website page feature function technique techniques strategy "
        "strategies goals "
        "challenge challenges challenging opportunity potential background field expert expertise quality "
    ).split()
)
"""Stems of plain English and plain office talk: they are specific to nothing."""

FLUFF: Final = frozenset(
    stem(word)
    for word in (
        "passionate passion passions dedicated dedication motivated hardworking hard-working dynamic "
        "synergy "
        "synergies proactive detail-oriented details perfectionist enthusiastic enthusiasm committed "
        "commitment "
        "excellence excellent outstanding exceptional amazing awesome fantastic incredible incredibly "
        "wonderful "
        "great best absolutely truly deeply extremely definitely certainly undoubtedly success successful "
        "successfully teamwork communication communicator collaborate collaboration leadership attitude "
        "mindset positive positivity dream inspire inspired inspiring innovative innovation "
        "solution-oriented "
        "results-driven results-oriented driven driver value values valuable core strength strengths "
        "quality "
        "qualities journey grow growth thrive thriving excel strive strives striving ambition ambitious "
        "goal "
        "goals vision honored honoured honor honour privilege thrilled excited exciting excitement admire "
        "admiration reputation prestigious leading leader leaders industry-leading world-class renowned "
        "culture "
        "environment opportunity opportunities important importance crucial vital essential key "
        "fundamental "
        "matter matters everything anything everyone always never person people life world company "
        "companies "
        "organization organisation role position job career skill skills skillset experience professional "
        "professionalism responsible reliable loyal loyalty honest honesty integrity trust trustworthy "
        "respect "
        "respectful flexible adaptable versatile creative creativity multitask multitasker player asset "
        "fit "
        "potential future believe belief effort efforts hundred 100 110 percent work ethic quick "
        "learner fast "
        "self-starter go-getter outside box leverage paradigm holistic optimize maximise maximize utilize "
        "utilise align alignment bring table contribute contribution difference impact impactful "
        "best-in-class "
        "cutting-edge state-of-the-art mission answer question thank thanks listening elaborate emphasize "
        "stress repeat mention saying said previously earlier basically essentially literally honestly "
        "frankly"
    ).split()
)
"""Stems of self-praise, praise of the company, and talk about talking."""

VAGUE: Final = frozenset(
    "stuff thing things something somehow somewhat whatever kinda sorta basically etc various several "
    "maybe "
    "probably guess suppose anyway or-so".split()
)

_PRIVATE_WORDS: Final = {
    "cooking": "recipe oven bake baked baking flour dough yeast sourdough butter garlic onion tomato "
    "tomatoes "
    "pasta lasagne lasagna risotto spaghetti sauce cheese parmesan chocolate cake cookies bread loaf soup "
    "stew "
    "curry grilled barbecue simmer boil fried knead stir basil pepper cream eggs mushroom spinach chilli "
    "wine "
    "espresso delicious tasty dinner broth fold crust olive",
    "travel": "holiday holidays vacation trip beach island mountains hike hiked hiking hostel camping tent "
    "cabin "
    "cabins sightseeing cathedral coast backpack suitcase sunset sunrise swam boat ferry lisbon paris rome "
    "norway "
    "italy spain portugal iceland japan thailand reindeer seals sardines slept walked lake",
    "pets": "dog dogs puppy labrador cat cats kitten hamster rabbit parrot pony leash bark barked paw paws "
    "fur "
    "aquarium goldfish",
    "sport": "football soccer goalkeeper keeper striker winger midfield league championship tennis racket "
    "marathon "
    "jogging gym basketball bicycle skiing snowboard swimming golf yoga stadium referee half-time olympics "
    "manchester arsenal barcelona scored",
    "weather": "weather rain rained raining sunny cloudy snow windy storm thunder forecast umbrella humid "
    "fog",
    "entertainment": "film films movie movies cinema actor actress heist comedy thriller episode netflix "
    "song songs "
    "album concert guitar piano cello violin chord chords melody singer drums novel chess poker orchestra "
    "hertz",
    "garden": "garden gardening compost seeds seedlings flowers roses tulips lawn weeds hedge pond ponds "
    "frogs bees "
    "blossom pruning greenhouse watering balcony",
    "school": "photosynthesis chloroplast chloroplasts mitochondria atp calvin dinosaur dinosaurs planet "
    "planets "
    "moon mars jupiter galaxy revolution bastille king queen emperor empire napoleon medieval volcano "
    "tectonic "
    "pyramid pharaoh roman romans gravity orbit molecule oxygen glucose",
    "family": "grandma grandmother grandpa grandfather wife husband girlfriend boyfriend wedding birthday "
    "christmas "
    "cousin uncle aunt sofa brother sister kids",
}
PRIVATE: Final = frozenset(stem(word) for words in _PRIVATE_WORDS.values() for word in words.split())
"""Stems of private life and of school subjects, which answers at work hold a few of at most."""
