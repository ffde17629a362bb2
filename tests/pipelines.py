"""Small pretrained pipelines of random weights, as save_pretrained writes them."""

import torch

CHAT = (
    "{% for turn in messages %}<{{ turn.role }}>{{ turn.content }}<end>{% endfor %}"
    "{% if add_generation_prompt %}<model>{% endif %}"
)


def tokenizer(most=None, chat=None, **tokens):
    """One of bytes, and a token that ends and pads; others by name."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {letter: n for n, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    made = Tokenizer(models.BPE({**vocabulary, "<end>": 256}, []))
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    made = {"tokenizer_object": made, "chat_template": chat} | ({} if most is None else {"model_max_length": most})
    return PreTrainedTokenizerFast(**made, **{"eos_token": "<end>", "pad_token": "<end>", **tokens})


def captions(prompts, length=64):
    """Prompts as a network takes them, (B, length)."""
    return torch.tensor([[*prompt.encode(), *[0] * (length - len(prompt.encode()))] for prompt in prompts])


def save_words(folder, chat=None, **settings):
    """A GPT-2 of two layers over bytes."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    sizes = {"vocab_size": 257, "n_positions": 128, "n_embd": 32, "n_layer": 2, "n_head": 2}
    config = GPT2Config(**sizes, bos_token_id=256, eos_token_id=256, initializer_range=0.3, **settings)
    GPT2LMHeadModel(config).save_pretrained(folder)
    tokenizer(chat=chat).save_pretrained(folder)
    return folder


def save_llama(folder):
    """A Llama of two layers over bytes, whose two heads share one of keys."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    sizes = {"vocab_size": 257, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "initializer_range": 0.3}
    LlamaForCausalLM(LlamaConfig(**sizes, **heads, bos_token_id=256, eos_token_id=256)).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def save_translator(folder, kind="T5"):
    """An encoder and a decoder of one layer each over bytes: T5, Bart, Marian, and what is built as they are."""
    import transformers

    torch.manual_seed(0)
    kinds = {"vocab_size": 257, "d_model": 32, "eos_token_id": 256, "pad_token_id": 256, "decoder_start_token_id": 256}
    if "T5" in kind:
        sizes = {"d_kv": 16, "d_ff": 64, "num_layers": 1, "num_heads": 2, "initializer_factor": 5.0}
    else:
        sizes = {f"{part}_{name}": n for part in ("encoder", "decoder")
                 for name, n in (("layers", 1), ("attention_heads", 2), ("ffn_dim", 64))}  # fmt: skip
        sizes |= {"max_position_embeddings": 300, "init_std": 0.3, "forced_eos_token_id": None, "num_beams": 4}
    config = getattr(transformers, f"{kind}Config")(**kinds, **sizes)
    made = "MarianMTModel" if kind == "Marian" else f"{kind}ForConditionalGeneration"
    getattr(transformers, made)(config).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def save_pictures(folder, scheduler="EulerAncestralDiscreteScheduler", *, xl=False):
    """A Stable Diffusion of 16 x 16 pixels, or a Stable Diffusion XL."""
    import diffusers
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    torch.manual_seed(0)
    of_two = {"addition_embed_type": "text_time", "addition_time_embed_dim": 4}
    of_two |= {"projection_class_embeddings_input_dim": 40}
    net = diffusers.UNet2DConditionModel(
        sample_size=8, in_channels=4, out_channels=4, layers_per_block=1, block_out_channels=(8, 16), norm_num_groups=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=32 if xl else 16, attention_head_dim=4, **(of_two if xl else {}),
    )  # fmt: skip
    vae = diffusers.AutoencoderKL(
        block_out_channels=(8, 8), down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2, latent_channels=4, norm_num_groups=4, sample_size=16,
    )  # fmt: skip
    text = CLIPTextConfig(
        vocab_size=257, hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=32, eos_token_id=256, bos_token_id=256, pad_token_id=256, projection_dim=16,
    )  # fmt: skip
    parts = {"vae": vae, "text_encoder": CLIPTextModel(text), "tokenizer": tokenizer(32), "unet": net,
             "scheduler": getattr(diffusers, scheduler)()}  # fmt: skip
    if xl:
        second = {"text_encoder_2": CLIPTextModelWithProjection(text), "tokenizer_2": tokenizer(32)}
        pipe = diffusers.StableDiffusionXLPipeline(**parts, **second, add_watermarker=False)
    else:
        parts |= {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
        pipe = diffusers.StableDiffusionPipeline(**parts)
    pipe.save_pretrained(folder)
    return folder
