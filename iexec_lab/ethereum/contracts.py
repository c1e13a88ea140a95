# ruff: noqa: N801, N815 -- these names are the contracts' own
"""The contracts we call, each as a class of its functions: ``HUB.viewDeal.encode(deal_id)``.

Signatures are those of PoCo 6.1.0 (npm package ``@iexec/poco``), of the voucher contracts, of the POA token
bridge, of ENS and of the ERCs named below. A call's arguments are positional, structs are tuples in the order
of the Solidity declaration, amounts are integers in the token's smallest unit (nRLC, wei).
"""

from __future__ import annotations

from iexec_lab.ethereum.abi import Event, Function

APP_ORDER = "(address,uint256,uint256,bytes32,address,address,address,bytes32,bytes)"
DATASET_ORDER = APP_ORDER
WORKERPOOL_ORDER = "(address,uint256,uint256,bytes32,uint256,uint256,address,address,address,bytes32,bytes)"
REQUEST_ORDER = (
    "(address,uint256,address,uint256,address,uint256,address,uint256,bytes32,uint256,uint256,"
    "address,address,string,bytes32,bytes)"
)
ORDERS = f"{APP_ORDER},{DATASET_ORDER},{WORKERPOOL_ORDER},{REQUEST_ORDER}"

_PART = "(address,address,uint256)"
DEAL = (
    f"({_PART},{_PART},{_PART},uint256,uint256,bytes32,address,address,address,string,"
    "uint256,uint256,uint256,uint256,uint256,address)"
)
DEAL_BOOST = (
    "(address,uint96,address,uint96,address,uint96,address,uint96,address,"
    "uint40,uint16,uint16,bytes3,address)"
)
TASK = (
    "(uint8,bytes32,uint256,uint256,uint256,uint256,uint256,bytes32,uint256,uint256,address[],"
    "bytes32,bytes,uint256,bytes)"
)
CONTRIBUTION = "(uint8,bytes32,bytes32,address,uint256)"
CATEGORY = "(string,string,uint256)"
FACET_CUT = "(address,uint8,bytes4[])"


class OWNABLE:
    owner = Function("owner()", "address")
    transferOwnership = Function("transferOwnership(address)")
    renounceOwnership = Function("renounceOwnership()")


class ERC20:
    name = Function("name()", "string")
    symbol = Function("symbol()", "string")
    decimals = Function("decimals()", "uint8")
    totalSupply = Function("totalSupply()", "uint256")
    balanceOf = Function("balanceOf(address)", "uint256")
    allowance = Function("allowance(address,address)", "uint256")
    transfer = Function("transfer(address,uint256)", "bool")
    transferFrom = Function("transferFrom(address,address,uint256)", "bool")
    approve = Function("approve(address,uint256)", "bool")
    approveAndCall = Function("approveAndCall(address,uint256,bytes)", "bool")


class RLC(ERC20):
    """The RLC token, 9 decimals. Failing transfers revert without a reason."""


class ERC721:
    name = Function("name()", "string")
    symbol = Function("symbol()", "string")
    totalSupply = Function("totalSupply()", "uint256")
    balanceOf = Function("balanceOf(address)", "uint256")
    ownerOf = Function("ownerOf(uint256)", "address")
    tokenOfOwnerByIndex = Function("tokenOfOwnerByIndex(address,uint256)", "uint256")
    tokenByIndex = Function("tokenByIndex(uint256)", "uint256")
    tokenURI = Function("tokenURI(uint256)", "string")
    getApproved = Function("getApproved(uint256)", "address")
    isApprovedForAll = Function("isApprovedForAll(address,address)", "bool")
    approve = Function("approve(address,uint256)")
    setApprovalForAll = Function("setApprovalForAll(address,bool)")
    transferFrom = Function("transferFrom(address,address,uint256)")
    safeTransferFrom = Function("safeTransferFrom(address,address,uint256)")


class DIAMOND(OWNABLE):
    """The EIP-2535 proxy; ``init`` belongs to DiamondInit and runs through the constructor."""

    init = Function("init()")
    diamondCut = Function(f"diamondCut({FACET_CUT}[],address,bytes)")
    facets = Function("facets()", "(address,bytes4[])[]")
    facetAddress = Function("facetAddress(bytes4)", "address")
    facetAddresses = Function("facetAddresses()", "address[]")
    facetFunctionSelectors = Function("facetFunctionSelectors(address)", "bytes4[]")
    constructor_types = (f"{FACET_CUT}[]", "(address,address,bytes)")


class HUB(ERC20, OWNABLE):
    """The PoCo proxy, which is also the ERC-20 of staked RLC. Deposits: the token's; see NATIVE_HUB."""

    # configuration
    configure = Function("configure(address,string,string,uint8,address,address,address,address)")
    changeRegistries = Function("changeRegistries(address,address,address)")
    setTeeBroker = Function("setTeeBroker(address)")
    setCallbackGas = Function("setCallbackGas(uint256)")
    updateDomainSeparator = Function("updateDomainSeparator()")
    importScore = Function("importScore(address)")
    domain = Function("domain()", "(string,string,uint256,address)")
    eip712domain_separator = Function("eip712domain_separator()", "bytes32")
    token = Function("token()", "address")
    appregistry = Function("appregistry()", "address")
    datasetregistry = Function("datasetregistry()", "address")
    workerpoolregistry = Function("workerpoolregistry()", "address")
    teebroker = Function("teebroker()", "address")
    callbackgas = Function("callbackgas()", "uint256")
    contribution_deadline_ratio = Function("contribution_deadline_ratio()", "uint256")
    reveal_deadline_ratio = Function("reveal_deadline_ratio()", "uint256")
    final_deadline_ratio = Function("final_deadline_ratio()", "uint256")
    workerpool_stake_ratio = Function("workerpool_stake_ratio()", "uint256")
    kitty_ratio = Function("kitty_ratio()", "uint256")
    kitty_min = Function("kitty_min()", "uint256")
    kitty_address = Function("kitty_address()", "address")
    groupmember_purpose = Function("groupmember_purpose()", "uint256")

    # categories
    createCategory = Function("createCategory(string,string,uint256)", "uint256")
    countCategory = Function("countCategory()", "uint256")
    viewCategory = Function("viewCategory(uint256)", CATEGORY)

    # accounts
    deposit = Function("deposit(uint256)", "bool")
    depositFor = Function("depositFor(uint256,address)", "bool")
    depositForArray = Function("depositForArray(uint256[],address[])", "bool")
    withdraw = Function("withdraw(uint256)", "bool")
    withdrawTo = Function("withdrawTo(uint256,address)", "bool")
    recover = Function("recover()", "uint256")
    receiveApproval = Function("receiveApproval(address,uint256,address,bytes)", "bool")
    increaseAllowance = Function("increaseAllowance(address,uint256)", "bool")
    decreaseAllowance = Function("decreaseAllowance(address,uint256)", "bool")
    frozenOf = Function("frozenOf(address)", "uint256")
    viewAccount = Function("viewAccount(address)", "(uint256,uint256)")
    viewScore = Function("viewScore(address)", "uint256")

    # orders
    manageAppOrder = Function(f"manageAppOrder(({APP_ORDER},uint8,bytes))")
    manageDatasetOrder = Function(f"manageDatasetOrder(({DATASET_ORDER},uint8,bytes))")
    manageWorkerpoolOrder = Function(f"manageWorkerpoolOrder(({WORKERPOOL_ORDER},uint8,bytes))")
    manageRequestOrder = Function(f"manageRequestOrder(({REQUEST_ORDER},uint8,bytes))")
    broadcastAppOrder = Function(f"broadcastAppOrder({APP_ORDER})")
    broadcastDatasetOrder = Function(f"broadcastDatasetOrder({DATASET_ORDER})")
    broadcastWorkerpoolOrder = Function(f"broadcastWorkerpoolOrder({WORKERPOOL_ORDER})")
    broadcastRequestOrder = Function(f"broadcastRequestOrder({REQUEST_ORDER})")
    viewConsumed = Function("viewConsumed(bytes32)", "uint256")
    viewPresigned = Function("viewPresigned(bytes32)", "address")
    verifySignature = Function("verifySignature(address,bytes32,bytes)", "bool")
    verifyPresignature = Function("verifyPresignature(address,bytes32)", "bool")
    verifyPresignatureOrSignature = Function("verifyPresignatureOrSignature(address,bytes32,bytes)", "bool")

    # deals
    matchOrders = Function(f"matchOrders({ORDERS})", "bytes32")
    sponsorMatchOrders = Function(f"sponsorMatchOrders({ORDERS})", "bytes32")
    computeDealVolume = Function(f"computeDealVolume({ORDERS})", "uint256")
    assertDatasetDealCompatibility = Function(f"assertDatasetDealCompatibility({DATASET_ORDER},bytes32)")
    viewDeal = Function("viewDeal(bytes32)", DEAL)

    # tasks
    initialize = Function("initialize(bytes32,uint256)", "bytes32")
    initializeArray = Function("initializeArray(bytes32[],uint256[])", "bool")
    contribute = Function("contribute(bytes32,bytes32,bytes32,address,bytes,bytes)")
    reveal = Function("reveal(bytes32,bytes32)")
    finalize = Function("finalize(bytes32,bytes,bytes)")
    contributeAndFinalize = Function(
        "contributeAndFinalize(bytes32,bytes32,bytes,bytes,address,bytes,bytes)",
    )
    reopen = Function("reopen(bytes32)")
    claim = Function("claim(bytes32)")
    claimArray = Function("claimArray(bytes32[])", "bool")
    initializeAndClaimArray = Function("initializeAndClaimArray(bytes32[],uint256[])", "bool")
    viewTask = Function("viewTask(bytes32)", TASK)
    viewContribution = Function("viewContribution(bytes32,address)", CONTRIBUTION)
    resultFor = Function("resultFor(bytes32)", "bytes")

    # resources
    viewApp = Function("viewApp(address)", "(address,string,string,bytes,bytes32,bytes)")
    viewDataset = Function("viewDataset(address)", "(address,string,bytes,bytes32)")
    viewWorkerpool = Function("viewWorkerpool(address)", "(address,string,uint256,uint256)")


class NATIVE_HUB(HUB):
    """The proxy of a chain whose coin is RLC: deposits are payable, 1 nRLC = 1e9 wei."""

    deposit = Function("deposit()", "bool")
    depositFor = Function("depositFor(address)", "bool")


class BOOST:
    """The facets that Arbitrum lacks: no initialisation, no worker stake, trust of at most 1."""

    matchOrdersBoost = Function(f"matchOrdersBoost({ORDERS})", "bytes32")
    sponsorMatchOrdersBoost = Function(f"sponsorMatchOrdersBoost({ORDERS})", "bytes32")
    pushResultBoost = Function("pushResultBoost(bytes32,uint256,bytes,bytes,bytes,address,bytes)")
    claimBoost = Function("claimBoost(bytes32,uint256)")
    viewDealBoost = Function("viewDealBoost(bytes32)", DEAL_BOOST)


class REGISTRY(ERC721, OWNABLE):
    """What the three registries share; an entry's address is ``uint160(tokenId)``."""

    initialize = Function("initialize(address)")
    initialized = Function("initialized()", "bool")
    setBaseURI = Function("setBaseURI(string)")
    baseURI = Function("baseURI()", "string")
    setName = Function("setName(address,string)")
    master = Function("master()", "address")
    previous = Function("previous()", "address")
    isRegistered = Function("isRegistered(address)", "bool")


class APP_REGISTRY(REGISTRY):
    createApp = Function("createApp(address,string,string,bytes,bytes32,bytes)", "address")
    predictApp = Function("predictApp(address,string,string,bytes,bytes32,bytes)", "address")


class DATASET_REGISTRY(REGISTRY):
    createDataset = Function("createDataset(address,string,bytes,bytes32)", "address")
    predictDataset = Function("predictDataset(address,string,bytes,bytes32)", "address")


class WORKERPOOL_REGISTRY(REGISTRY):
    createWorkerpool = Function("createWorkerpool(address,string)", "address")
    predictWorkerpool = Function("predictWorkerpool(address,string)", "address")


class ENTRY:
    """What apps, datasets and workerpools share; ``setName`` gives a reverse ENS name."""

    owner = Function("owner()", "address")
    registry = Function("registry()", "address")
    setName = Function("setName(address,string)")


class APP(ENTRY):
    m_appName = Function("m_appName()", "string")
    m_appType = Function("m_appType()", "string")
    m_appMultiaddr = Function("m_appMultiaddr()", "bytes")
    m_appChecksum = Function("m_appChecksum()", "bytes32")
    m_appMREnclave = Function("m_appMREnclave()", "bytes")


class DATASET(ENTRY):
    m_datasetName = Function("m_datasetName()", "string")
    m_datasetMultiaddr = Function("m_datasetMultiaddr()", "bytes")
    m_datasetChecksum = Function("m_datasetChecksum()", "bytes32")


class WORKERPOOL(ENTRY):
    m_workerpoolDescription = Function("m_workerpoolDescription()", "string")
    m_workerStakeRatioPolicy = Function("m_workerStakeRatioPolicy()", "uint256")
    m_schedulerRewardRatioPolicy = Function("m_schedulerRewardRatioPolicy()", "uint256")
    changePolicy = Function("changePolicy(uint256,uint256)")


class ERC734:
    """A group contract that a restriction of an order may name; the purpose asked for is 4."""

    keyHasPurpose = Function("keyHasPurpose(bytes32,uint256)", "bool")


class ERC1271:
    isValidSignature = Function("isValidSignature(bytes32,bytes)", "bytes4")


class CALLBACK:
    """What a deal's callback contract has to offer."""

    receiveResult = Function("receiveResult(bytes32,bytes)")


class ENS_REGISTRY:
    owner = Function("owner(bytes32)", "address")
    resolver = Function("resolver(bytes32)", "address")
    setResolver = Function("setResolver(bytes32,address)")
    setOwner = Function("setOwner(bytes32,address)")
    setSubnodeOwner = Function("setSubnodeOwner(bytes32,bytes32,address)", "bytes32")


class ENS_RESOLVER:
    addr = Function("addr(bytes32)", "address")
    name = Function("name(bytes32)", "string")
    text = Function("text(bytes32,string)", "string")
    setAddr = Function("setAddr(bytes32,address)")
    setText = Function("setText(bytes32,string,string)")


class ENS_REGISTRAR:
    """First come, first served: the owner of ``users.iexec.eth`` and its like."""

    register = Function("register(bytes32,address)")


class ENS_REVERSE_REGISTRAR:
    """The owner of ``addr.reverse``."""

    setName = Function("setName(string)", "bytes32")
    node = Function("node(address)", "bytes32")


class VOUCHER_HUB:
    getVoucher = Function("getVoucher(address)", "address")
    predictVoucher = Function("predictVoucher(address)", "address")
    isVoucher = Function("isVoucher(address)", "bool")
    getIexecPoco = Function("getIexecPoco()", "address")
    getVoucherTypeCount = Function("getVoucherTypeCount()", "uint256")
    getVoucherType = Function("getVoucherType(uint256)", "(string,uint256)")
    isAssetEligibleToMatchOrdersSponsoring = Function(
        "isAssetEligibleToMatchOrdersSponsoring(uint256,address)",
        "bool",
    )


class VOUCHER:
    owner = Function("owner()", "address")
    getVoucherHub = Function("getVoucherHub()", "address")
    getType = Function("getType()", "uint256")
    getBalance = Function("getBalance()", "uint256")
    getExpiration = Function("getExpiration()", "uint256")
    isAccountAuthorized = Function("isAccountAuthorized(address)", "bool")
    authorizeAccount = Function("authorizeAccount(address)")
    unauthorizeAccount = Function("unauthorizeAccount(address)")
    getSponsoredAmount = Function("getSponsoredAmount(bytes32)", "uint256")
    matchOrders = Function(f"matchOrders({ORDERS})", "bytes32")
    matchOrdersBoost = Function(f"matchOrdersBoost({ORDERS})", "bytes32")
    claim = Function("claim(bytes32)")
    claimBoost = Function("claimBoost(bytes32,uint256)")


class BRIDGE:
    """Both ends of the RLC bridge; limits in nRLC on the token's side, in wei on the native side."""

    minPerTx = Function("minPerTx()", "uint256")
    maxPerTx = Function("maxPerTx()", "uint256")
    dailyLimit = Function("dailyLimit()", "uint256")
    withinLimit = Function("withinLimit(uint256)", "bool")
    getCurrentDay = Function("getCurrentDay()", "uint256")
    totalSpentPerDay = Function("totalSpentPerDay(uint256)", "uint256")


class EVENTS:
    """Events of the proxy. ``ERC721_EVENTS.Transfer`` has the same topic and one more indexed argument."""

    SchedulerNotice = Event("SchedulerNotice(address indexed workerpool, bytes32 dealid)")
    OrdersMatched = Event(
        "OrdersMatched(bytes32 dealid, bytes32 appHash, bytes32 datasetHash, bytes32 workerpoolHash, "
        "bytes32 requestHash, uint256 volume)",
    )
    DealSponsored = Event("DealSponsored(bytes32 dealId, address sponsor)")
    TaskInitialize = Event("TaskInitialize(bytes32 indexed taskid, address indexed workerpool)")
    TaskContribute = Event("TaskContribute(bytes32 indexed taskid, address indexed worker, bytes32 hash)")
    TaskConsensus = Event("TaskConsensus(bytes32 indexed taskid, bytes32 consensus)")
    TaskReveal = Event("TaskReveal(bytes32 indexed taskid, address indexed worker, bytes32 digest)")
    TaskReopen = Event("TaskReopen(bytes32 indexed taskid)")
    TaskFinalize = Event("TaskFinalize(bytes32 indexed taskid, bytes results)")
    TaskClaimed = Event("TaskClaimed(bytes32 indexed taskid)")
    AccurateContribution = Event("AccurateContribution(address indexed worker, bytes32 indexed taskid)")
    FaultyContribution = Event("FaultyContribution(address indexed worker, bytes32 indexed taskid)")
    SchedulerNoticeBoost = Event(
        "SchedulerNoticeBoost(address indexed workerpool, bytes32 dealId, address app, address dataset, "
        "uint256 category, bytes32 tag, string params, address beneficiary)",
    )
    ResultPushedBoost = Event("ResultPushedBoost(bytes32 dealId, uint256 index, bytes results)")
    DealSponsoredBoost = Event("DealSponsoredBoost(bytes32 dealId, address sponsor)")

    SignedAppOrder = Event("SignedAppOrder(bytes32 appHash)")
    SignedDatasetOrder = Event("SignedDatasetOrder(bytes32 datasetHash)")
    SignedWorkerpoolOrder = Event("SignedWorkerpoolOrder(bytes32 workerpoolHash)")
    SignedRequestOrder = Event("SignedRequestOrder(bytes32 requestHash)")
    ClosedAppOrder = Event("ClosedAppOrder(bytes32 appHash)")
    ClosedDatasetOrder = Event("ClosedDatasetOrder(bytes32 datasetHash)")
    ClosedWorkerpoolOrder = Event("ClosedWorkerpoolOrder(bytes32 workerpoolHash)")
    ClosedRequestOrder = Event("ClosedRequestOrder(bytes32 requestHash)")
    BroadcastAppOrder = Event(f"BroadcastAppOrder({APP_ORDER} apporder)")
    BroadcastDatasetOrder = Event(f"BroadcastDatasetOrder({DATASET_ORDER} datasetorder)")
    BroadcastWorkerpoolOrder = Event(f"BroadcastWorkerpoolOrder({WORKERPOOL_ORDER} workerpoolorder)")
    BroadcastRequestOrder = Event(f"BroadcastRequestOrder({REQUEST_ORDER} requestorder)")

    Transfer = Event("Transfer(address indexed from, address indexed to, uint256 value)")
    Approval = Event("Approval(address indexed owner, address indexed spender, uint256 value)")
    Lock = Event("Lock(address owner, uint256 amount)")
    Unlock = Event("Unlock(address owner, uint256 amount)")
    Reward = Event("Reward(address owner, uint256 amount, bytes32 ref)")
    Seize = Event("Seize(address owner, uint256 amount, bytes32 ref)")
    CreateCategory = Event(
        "CreateCategory(uint256 catid, string name, string description, uint256 workClockTimeRef)",
    )
    OwnershipTransferred = Event(
        "OwnershipTransferred(address indexed previousOwner, address indexed newOwner)",
    )
    DiamondCut = Event(f"DiamondCut({FACET_CUT}[] _diamondCut, address _init, bytes _calldata)")


class ERC721_EVENTS:
    Transfer = Event("Transfer(address indexed from, address indexed to, uint256 indexed tokenId)")


class WORKERPOOL_EVENTS:
    PolicyUpdate = Event(
        "PolicyUpdate(uint256 oldWorkerStakeRatioPolicy, uint256 newWorkerStakeRatioPolicy, "
        "uint256 oldSchedulerRewardRatioPolicy, uint256 newSchedulerRewardRatioPolicy)",
    )


class VOUCHER_EVENTS:
    AccountAuthorized = Event("AccountAuthorized(address indexed account)")
    AccountUnauthorized = Event("AccountUnauthorized(address indexed account)")
    OrdersMatchedWithVoucher = Event("OrdersMatchedWithVoucher(bytes32 dealId)")


class BRIDGE_EVENTS:
    """The answer on the other chain: native side, then token side."""

    AffirmationCompleted = Event(
        "AffirmationCompleted(address recipient, uint256 value, bytes32 transactionHash)",
    )
    RelayedMessage = Event("RelayedMessage(address recipient, uint256 value, bytes32 transactionHash)")
